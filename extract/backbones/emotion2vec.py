"""emotion2vec (base, and plus: seed, base, large): 50 steps per second of 16 kHz speech.

Reads the published folder: ``config.yaml`` and the weights (``model.pt``, ``emotion2vec_base.pt``
or the name in ``configuration.json``), the latter as plain tensors; nothing in it is executed. It
may come from the Hugging Face hub or from ModelScope, whose cache is such a folder. `layers` counts
from 0 (the input of the first transformer block) to the number of blocks, prenet included; the last
is FunASR's output for ``granularity: frame``. Each clip is scaled to mean 0 and variance 1 where
the config says so. A clip shorter than one window (25 ms) is lengthened with zeros; a longer one
than `window_s` is cut into windows that share `overlap_s`.
"""

from extract.backbones._emotion2vec.files import read_checkpoint
from extract.backbones._emotion2vec.network import Architecture, Emotion2VecNetwork
from extract.backbones._speech.encoder import Speech
from extract.network.backbone import seeded
from extract.network.checkpoint_folders import checkpoint_folder
from extract.network.compute import CPU, Compute
from features.files import digest_json

MODALITY = "audio"
VERSION = 1
RANGES = {"layers": (0, None), "window_s": (1, 600), "overlap_s": (0, 300)}
# Added to the variance by torch's layer norm, with which FunASR scales clips.
VARIANCE_FLOOR = 1e-5


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    window_s: float = 60.0,
    overlap_s: float = 10.0,
) -> Speech:
    """Load a folder with config.yaml and weights, or a pinned hub repository of such files."""
    published = read_checkpoint(checkpoint_folder(checkpoint, revision))
    return Speech(
        published.network,
        published.digest,
        compute,
        VERSION,
        variance_floor=VARIANCE_FLOOR if published.normalise else None,
        layers=layers,
        window_s=window_s,
        overlap_s=overlap_s,
    )


def tiny() -> Speech:
    """Two blocks of width 16 after convolutions with the published strides."""
    sizes = Architecture(
        convolutions=((8, 10, 5), *[(8, 3, 2)] * 4, *[(8, 2, 2)] * 2),
        dim=16,
        num_heads=2,
        mlp_ratio=2.0,
        norm_eps=1e-5,
        num_positional=3,
        positional_kernel=5,
        positional_groups=2,
        num_extra_tokens=2,
        num_scales=1,
        heads_scaled=True,
        prenet_depth=1,
        depth=1,
    )
    network = seeded(0, lambda: Emotion2VecNetwork(sizes))
    digest = digest_json(["random", 0])
    floor, layers = VARIANCE_FLOOR, [0, 1, 2]
    return Speech(network, digest, CPU, VERSION, variance_floor=floor, layers=layers)
