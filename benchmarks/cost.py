"""What the networks cost: operations and parameters at their published sizes, random weights.

Text: 16 tokens. Audio: 3.2 s, MELD's mean, divided by 3.2. Video: 16 frames of 112 x 112 (VideoMAE
224 x 224), or one frame of 224 x 224; for VideoLLaMA3 a frame of 448 x 448 (256 tokens), and 256
tokens in its language model, counted on one layer and two of its 28. A multiplication and an
addition are two operations. `python benchmarks/cost.py [--json PATH]`
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
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniAudioEncoder

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extract.backbones import r3d, wav2vec2
from extract.backbones._emotion2vec.files import architecture
from extract.backbones._emotion2vec.network import Emotion2VecNetwork
from extract.backbones._speech.checkpoint import HfSpeechNetwork
from extract.backbones._speech.encoder import Speech
from extract.backbones._videollama.networks import VisionNetwork, projected_tokens
from extract.network.backbone import Window
from extract.network.compute import CPU
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
TOWER = {
    "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
    "num_attention_heads": 16, "patch_size": 14,
}  # fmt: skip
WORDS_2B = {
    "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
    "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151_936,
}  # fmt: skip
WORDS_7B = {
    "hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28,
    "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152_064,
}  # fmt: skip


def text(config: Any) -> tuple[float, int]:
    """Operations for 16 tokens, and parameters."""
    network = hf.AutoModel.from_config(config).eval().requires_grad_(False)
    ids = torch.randint(5, 1000, (1, 16))
    return counted(lambda: network(input_ids=ids)), parameters(network)


def speech(network: Any) -> tuple[float, int]:
    """Operations for a second of audio, and parameters."""
    backbone = Speech(network, "", CPU, wav2vec2.VERSION, variance_floor=None)
    samples = np.random.default_rng(0).normal(0, 1, round(SOUND_S * 16_000)).astype(np.float32)
    operations = counted(lambda: backbone.encode([Window(samples)]))
    return operations / SOUND_S, parameters(network)


def whisper() -> tuple[float, int]:
    """Operations for one window of 30 s, and parameters of the encoder of Whisper-base."""
    network = hf.WhisperModel(hf.WhisperConfig(**WHISPER)).get_encoder().eval()
    bands = torch.randn(1, 80, 3000)
    return counted(lambda: network(bands)), parameters(network)


def omni() -> tuple[float, int]:
    """Operations for a second of audio, and parameters of the audio tower of Qwen2.5-Omni-7B."""
    config = hf.Qwen2_5OmniConfig().thinker_config.audio_config
    network = Qwen2_5OmniAudioEncoder._from_config(config).eval()
    num_columns = round(100 * SOUND_S)
    bands, lengths = torch.randn(config.num_mel_bins, num_columns), torch.tensor([num_columns])
    operations = counted(lambda: network(bands, feature_lens=lengths))
    return operations / SOUND_S, parameters(network)


def pixels(network: Any, *shape: int) -> tuple[float, int]:
    """Operations for pixels of a shape, and parameters."""
    return counted(lambda: network.eval()(torch.randn(*shape))), parameters(network)


def sight(words: Any) -> tuple[float, int]:
    """Operations for a frame of 448 x 448, and parameters of VideoLLaMA3's tower and projector."""
    network = VisionNetwork(hf.VideoLlama3Config(vision_config=TOWER, text_config=words)).eval()
    frame = torch.randn(1, 3, 448, 448)
    return counted(
        lambda: projected_tokens(network, [frame], 14, 2, lambda tensor: tensor)
    ), parameters(network)


def language(words: Any) -> tuple[float, int]:
    """Operations for 256 tokens, and parameters without the output layer; all layers are equal."""
    tokens = torch.randn(1, 256, words["hidden_size"])
    counts = []
    for layers in (1, 2):
        config = hf.Qwen2Config(**{**words, "num_hidden_layers": layers})
        network = hf.Qwen2Model(config).eval()
        operations = counted(
            lambda network=network: network(inputs_embeds=tokens, use_cache=False)  # type: ignore[misc]
        )
        counts.append((operations, parameters(network)))
    (one_layer, parameters_of_one), (two_layers, parameters_of_two) = counts
    more = words["num_hidden_layers"] - 1
    return (
        one_layer + more * (two_layers - one_layer),
        parameters_of_one + more * (parameters_of_two - parameters_of_one),
    )


def video(architecture: Any) -> tuple[float, int]:
    """Operations for 16 frames of 112 x 112, and parameters without the classifier."""
    backbone = r3d.load(CPU, architecture=architecture, weights="random")
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
        "Qwen2.5-Omni-7B, audio, 1 s": omni,
    }  # fmt: skip


def video_networks() -> dict[str, Callable[[], tuple[float, int]]]:
    """The networks on video by name."""
    return {
        "R3D-18, 16 frames": lambda: video("r3d-18"),
        "MC3-18, 16 frames": lambda: video("mc3-18"),
        "R(2+1)D-18, 16 frames": lambda: video("r2plus1d-18"),
        "VideoMAE-base, 16 frames": lambda: pixels(
            hf.VideoMAEModel(hf.VideoMAEConfig()), 1, 16, 3, 224, 224
        ),
        "CLIP ViT-B/32, a frame": lambda: pixels(
            hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig()), 1, 3, 224, 224
        ),
        "SigLIP-base, a frame": lambda: pixels(
            hf.SiglipVisionModel(hf.SiglipVisionConfig()), 1, 3, 224, 224
        ),
        "VideoLLaMA3-7B, a frame": lambda: sight({"model_type": "qwen2", **WORDS_7B}),
        "VideoLLaMA3-2B, 256 tokens": lambda: language(WORDS_2B),
        "VideoLLaMA3-7B, 256 tokens": lambda: language(WORDS_7B),
    }  # fmt: skip


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(json_path: Path | None) -> None:
    """Print billions of operations and millions of parameters."""
    figures = {}
    click.echo(f"{'network':<30}{'10^9 operations':>18}{'10^6 parameters':>18}")
    for name, cost in (networks() | video_networks()).items():
        operations, size = cost()
        figures[name] = {"giga_operations": operations, "parameters": size}
        click.echo(f"{name:<30}{operations:>18.1f}{size / 1e6:>18.1f}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
