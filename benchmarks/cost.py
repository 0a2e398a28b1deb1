"""What the networks cost: operations and parameters at their published sizes, random weights.

Text: 16 tokens. Sound: 3.2 s, MELD's mean, divided by 3.2. Video: 16 frames of 112 x 112. A
multiplication and an addition are two operations. `python benchmarks/cost.py [--json PATH]`
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import transformers as hf
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extract.backbone import Window
from extract.backbones import r3d
from extract.backbones._emotion2vec_files import architecture
from extract.backbones._emotion2vec_network import Emotion2VecNetwork
from extract.backbones._hf_speech import HfSpeechNetwork
from extract.backbones._speech import Speech
from extract.compute import CPU
from tests.funasr_equality import SIZES

SOUND_S = 3.2
LARGE = {
    "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
    "intermediate_size": 4096, "feat_extract_norm": "layer", "do_stable_layer_norm": True,
}  # fmt: skip
MINILM = {
    "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
    "intermediate_size": 1536,
}  # fmt: skip
DEBERTA = {
    "relative_attention": True, "position_buckets": 256, "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True, "position_biased_input": False, "vocab_size": 128_100,
}  # fmt: skip
WHISPER = {
    "d_model": 512, "encoder_layers": 6, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048,
    "decoder_layers": 1, "decoder_attention_heads": 8,
}  # fmt: skip


def text(config: Any) -> tuple[float, int]:
    """Operations for 16 tokens, and parameters."""
    network = hf.AutoModel.from_config(config).eval().requires_grad_(False)
    ids = torch.randint(5, 1000, (1, 16))
    return counted(lambda: network(input_ids=ids)), parameters(network)


def speech(network: Any) -> tuple[float, int]:
    """Operations for a second of sound, and parameters."""
    backbone = Speech(network, "", CPU, variance_floor=None)
    samples = np.random.default_rng(0).normal(0, 1, round(SOUND_S * 16_000)).astype(np.float32)
    operations = counted(lambda: backbone.encode([Window(samples)]))
    return operations / SOUND_S, parameters(network)


def whisper() -> tuple[float, int]:
    """Operations for one window of 30 s, and parameters of the encoder of Whisper-base."""
    network = hf.WhisperModel(hf.WhisperConfig(**WHISPER)).get_encoder().eval()
    bands = torch.randn(1, 80, 3000)
    return counted(lambda: network(bands)), parameters(network)


def video() -> tuple[float, int]:
    """Operations for 16 frames of 112 x 112, and parameters without the classifier."""
    backbone = r3d.load(CPU, weights="random")
    frames = np.zeros((16, 112, 112, 3), np.uint8)
    classifier = parameters(backbone.network.fc)
    return counted(lambda: backbone.encode([Window(frames)])), (
        parameters(backbone.network) - classifier
    )


def counted(run: Callable[[], Any]) -> float:
    """Operations of a call, in units of 10^9."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        run()
    return float(counter.get_total_flops()) / 1e9


def parameters(network: nn.Module) -> int:
    """How many numbers a network holds."""
    return sum(parameter.numel() for parameter in network.parameters())


def networks() -> dict[str, Callable[[], tuple[float, int]]]:
    """The networks by name."""

    def waves(kind: Any, config: Any) -> Callable[[], tuple[float, int]]:
        return lambda: speech(HfSpeechNetwork(kind(config)))

    return {
        "BERT-base, 16 tokens": lambda: text(hf.BertConfig()),
        "MiniLM-L6, 16 tokens": lambda: text(hf.BertConfig(**MINILM)),
        "RoBERTa-base, 16 tokens": lambda: text(hf.RobertaConfig(vocab_size=50_265)),
        "DistilBERT-base, 16 tokens": lambda: text(hf.DistilBertConfig()),
        "DeBERTa-v3-base, 16 tokens": lambda: text(hf.DebertaV2Config(
            hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
            intermediate_size=3072, **DEBERTA,
        )),
        "ModernBERT-base, 16 tokens": lambda: text(hf.ModernBertConfig()),
        "wav2vec2-base, 1 s": waves(hf.Wav2Vec2Model, hf.Wav2Vec2Config()),
        "wav2vec2-large, 1 s": waves(hf.Wav2Vec2Model, hf.Wav2Vec2Config(**LARGE)),
        "HuBERT-base, 1 s": waves(hf.HubertModel, hf.HubertConfig()),
        "HuBERT-large, 1 s": waves(hf.HubertModel, hf.HubertConfig(**LARGE)),
        "WavLM-base, 1 s": waves(hf.WavLMModel, hf.WavLMConfig()),
        "WavLM-large, 1 s": waves(hf.WavLMModel, hf.WavLMConfig(**LARGE)),
        "data2vec-audio-base, 1 s": waves(hf.Data2VecAudioModel, hf.Data2VecAudioConfig()),
        "emotion2vec-base, 1 s": lambda: speech(
            Emotion2VecNetwork(architecture(SIZES))
        ),
        "Whisper-base, 30 s": whisper,
        "R3D-18, 16 frames": video,
    }  # fmt: skip


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(json_path: Path | None) -> None:
    """Print billions of operations and millions of parameters."""
    figures = {}
    click.echo(f"{'network':<30}{'10^9 operations':>18}{'10^6 parameters':>18}")
    for name, cost in networks().items():
        operations, size = cost()
        figures[name] = {"giga_operations": operations, "parameters": size}
        click.echo(f"{name:<30}{operations:>18.1f}{size / 1e6:>18.1f}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
