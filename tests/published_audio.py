"""Fakes of published networks on audio, see published_layouts.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from safetensors.torch import load_file
from torch import Tensor

from extract.backbones import omni_audio
from tests.published_layouts import State, drawn, write, write_network, write_weights
from tests.test_omni_audio import library

SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "conv_dim": (8,) * 7, "num_conv_pos_embedding_groups": 2, "num_conv_pos_embeddings": 16,
}  # fmt: skip
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
BANDS = {
    "chunk_length": 1, "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 8,
    "hop_length": 160, "n_fft": 400, "n_samples": 16_000, "nb_max_frames": 100,
    "padding_side": "right", "padding_value": 0.0, "sampling_rate": 16_000,
}  # fmt: skip


def preprocessing(do_normalize: bool) -> dict[str, Any]:
    return {
        "do_normalize": do_normalize, "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1, "padding_side": "right", "padding_value": 0.0,
        "return_attention_mask": do_normalize, "sampling_rate": 16_000,
    }  # fmt: skip


def weight_norm(name: str) -> str:
    """The older names of the positional convolution's two factors."""
    name = name.replace("parametrizations.weight.original0", "weight_g")
    return name.replace("parametrizations.weight.original1", "weight_v")


def speech(
    code: str, kind: Any, do_normalize: bool, old: bool, extra: State, **sizes: Any
) -> tuple[str, Callable[[Path], Any]]:
    """The leaf of a network on waveforms, and how it is published: its body alone, or a head."""

    def publish(folder: Path) -> Any:
        network = drawn(lambda: kind(kind.config_class(**{**SIZES, **sizes})))
        write_network(folder, network, weight_norm, extra=extra, old=old)
        write(folder, "preprocessor_config.json", preprocessing(do_normalize))
        return getattr(network, network.base_model_prefix, network)

    return code, publish


# audeering's head has names that the library does not know.
DIMENSIONS = {
    "classifier.dense.weight": torch.ones(16, 16),
    "classifier.out_proj.bias": torch.ones(3),
}
SPEECH = {
    "wav2vec2-base-960h": speech("wav2vec2", hf.Wav2Vec2ForCTC, True, False, {}, vocab_size=32),
    "wav2vec2-large-robust-12-ft-emotion-msp-dim": speech(
        "wav2vec2", hf.Wav2Vec2Model, True, True, DIMENSIONS, **LARGE
    ),
    "hubert-base-ls960": speech("hubert", hf.HubertModel, True, True, {}),
    "hubert-base-superb-er": speech(
        "hubert", hf.HubertForSequenceClassification, True, True, {}, use_weighted_layer_sum=True
    ),
    "wavlm-base-plus": speech("wavlm", hf.WavLMModel, False, True, {}),
    "wavlm-large": speech("wavlm", hf.WavLMModel, True, True, {}, **LARGE),
    "data2vec-audio-base": speech(
        "data2vec-audio", hf.Data2VecAudioModel, True, True, {}, feat_extract_norm="layer",
        conv_pos_kernel_size=5,
    ),
}  # fmt: skip


def whisper(folder: Path) -> Any:
    """large-v3: half precision, and a second copy in float32 that nobody reads."""
    config = hf.WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=8,
        max_source_positions=50, vocab_size=8, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, dtype="float16",
    )  # fmt: skip
    network = drawn(lambda: hf.WhisperForConditionalGeneration(config)).half()
    write_network(folder, network, extra={}, old=False)
    shards = [f"model.fp32-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for shard in shards:
        (folder / shard).write_bytes(b"three gigabytes")
    index = {"weight_map": {f"weight.{shard}": shard for shard in shards}}
    write(folder, "model.safetensors.index.fp32.json", index)
    write(folder, "preprocessor_config.json", BANDS)
    return network.float().model.encoder


def emotion2vec(folder: Path, weights: str) -> list[tuple[Any, Tensor]]:
    """A fairseq state in ModelScope's layout; clips, and FunASR's frames of them."""
    saved = np.load(Path(__file__).parent / "fixtures" / "emotion2vec_tiny.npz")
    names = [name for name in saved.files if name.startswith("weights/")]
    state = {name.removeprefix("weights/"): torch.from_numpy(saved[name]) for name in names}
    content = {"model": state | {"_ema": None, "num_updates": 3}, "args": None, "epoch": 9}
    torch.save(content, folder / weights)
    write(folder, "config.yaml", {"model_conf": json.loads(str(saved["config"]))})
    paths = {"init_param": weights, "config": "config.yaml"}
    write(folder, "configuration.json", {"framework": "pytorch", "file_path_metas": paths})
    (folder / ".msc").write_bytes(b"\x80files of ModelScope's cache")
    (folder / ".mv").write_text("Revision:master,CreatedAt:1")
    clips = [name.removeprefix("clips/") for name in saved.files if name.startswith("clips/")]
    return [(saved[f"clips/{n}"], torch.from_numpy(saved[f"frames/{n}"])) for n in clips]


def in_shards(folder: Path, state: State) -> None:
    """The weights in two files and their index."""
    names, shards = sorted(state), {}
    for number, half in enumerate((names[::2], names[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        write_weights(folder, {name: state[name] for name in half}, file)
        shards |= dict.fromkeys(half, file)
    write(folder, "model.safetensors.index.json", {"metadata": {}, "weight_map": shards})


def omni(folder: Path) -> tuple[Any, hf.WhisperFeatureExtractor]:
    """Qwen2.5-Omni-7B: shards, with the thinker's language model and the talker among them."""
    omni_audio.save_tiny(folder, 0)
    tower = library(folder)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    others = (
        *("thinker.model.norm.weight", "thinker.lm_head.weight", "talker.codec_head.weight"),
        *("thinker.visual.merger.mlp.0.bias", "token2wav.code2wav_bigvgan_model.conv_pre.bias"),
    )
    in_shards(folder, state | {name: torch.ones(3) for name in others})
    return tower, hf.WhisperFeatureExtractor.from_pretrained(folder)
