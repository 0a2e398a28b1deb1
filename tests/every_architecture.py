"""Every network at its published widths, by name."""

from typing import Any

from extract.network.compute import CPU, Compute
from features.leaves import load_leaf
from tests.architectures import TRUE_TEXTS
from tests.speech_architectures import EMOTION2VEC, OMNI, SPEECH, WHISPER
from tests.video_architectures import VIDEOS

TRUE = {
    **TRUE_TEXTS,
    **SPEECH,
    "whisper-base": WHISPER,
    "emotion2vec-base": EMOTION2VEC,
    "qwen2.5-omni-audio": OMNI,
    **VIDEOS,
}


def without_checkpoints(compute: Compute = CPU) -> dict[str, Any]:
    """The networks that need no file: the whole R3D-18 on small frames, and the spectra."""
    return {
        "r3d": load_leaf("extract/backbones", "r3d").load(compute, weights="random", size_px=16),
        "log-mel": load_leaf("extract/backbones", "log-mel").load(compute),
        "mfcc": load_leaf("extract/backbones", "mfcc").load(compute),
    }
