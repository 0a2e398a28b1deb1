"""Random checkpoints of the networks on audio, see architectures.py."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from extract.backbones._emotion2vec.network import Emotion2VecNetwork
from extract.backbones._speech.omni_tower import Tower, save_tower
from extract.network.backbone import seeded
from tests.architectures import Architecture


def speech(leaf: str, config_kind: Any, network_kind: Any, **sizes: Any) -> Architecture:
    def save(folder: Path) -> None:
        config = config_kind(num_hidden_layers=2, **sizes)
        seeded(0, lambda: network_kind(config)).save_pretrained(folder)
        normalises = sizes.get("feat_extract_norm") == "layer" or leaf == "data2vec-audio"
        hf.Wav2Vec2FeatureExtractor(do_normalize=normalises).save_pretrained(folder)

    return Architecture(leaf, save, {"layers": [0, 1, 2]})


LARGE = {
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}


def whisper(**sizes: Any) -> Architecture:
    def save(folder: Path) -> None:
        config = hf.WhisperConfig(
            encoder_layers=2, decoder_layers=1, vocab_size=8, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1, decoder_attention_heads=2, decoder_ffn_dim=16,
            **sizes,
        )  # fmt: skip
        seeded(0, lambda: hf.WhisperForConditionalGeneration(config)).save_pretrained(folder)
        hf.WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(folder)

    return Architecture("whisper", save, {"layers": [0, 1, 2]})


EMOTION2VEC_CONFIG: dict[str, Any] = {
    "embed_dim": 768, "num_heads": 12, "depth": 1, "mlp_ratio": 4.0, "norm_eps": 1e-5,
    "norm_affine": True, "layer_norm_first": False, "normalize": True,
    "modalities": {"audio": {
        "extractor_mode": "layer_norm", "use_alibi_encoder": True, "learned_alibi": False,
        "conv_pos_pre_ln": False, "learned_alibi_scale_per_layer": False,
        "learned_alibi_scale_per_head": True, "prenet_depth": 1, "num_extra_tokens": 10,
        "conv_pos_width": 95, "conv_pos_depth": 5, "conv_pos_groups": 16,
        "feature_encoder_spec": "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]",
    }},
}  # fmt: skip


def published_name(ours: str, prenet_depth: int = 1) -> str:
    """The name under which emotion2vec publishes a weight of our network."""
    audio, (head, *rest) = "modality_encoders.AUDIO.", ours.split(".")
    last = ".".join(rest)
    if head == "blocks":
        number, part = int(rest[0]), rest[1]
        prefix = {"qkv": "attn.", "proj": "attn.", "fc1": "mlp.", "fc2": "mlp."}.get(part, "")
        inside = prefix + ".".join(rest[1:])
        if number < prenet_depth:
            return f"d2v_model.{audio}context_encoder.blocks.{number}.{inside}"
        return f"d2v_model.blocks.{number - prenet_depth}.{inside}"
    if head == "convolutions":
        place = {"conv": "0", "norm": "2.1"}[rest[1]]
        return f"d2v_model.{audio}local_encoder.conv_layers.{rest[0]}.{place}.{rest[2]}"
    if head == "positional":
        return f"d2v_model.{audio}relative_positional_encoder.{int(rest[0]) + 1}.0.{rest[1]}"
    place = {
        "project_norm": "project_features.1.", "project": "project_features.2.",
        "norm": "context_encoder.norm.", "extra_tokens": "extra_tokens",
        "alibi_scale": "alibi_scale",
    }[head]  # fmt: skip
    return f"d2v_model.{audio}{place}{last}"


def save_emotion2vec(folder: Path, config: dict[str, Any] | None = None) -> None:
    """A random checkpoint as emotion2vec is published: config.yaml and model.pt."""
    from extract.backbones._emotion2vec.files import architecture

    config = config or EMOTION2VEC_CONFIG
    network = seeded(0, lambda: Emotion2VecNetwork(architecture(config)))
    state = {published_name(name): value for name, value in network.state_dict().items()}
    state["d2v_model.modality_encoders.AUDIO.decoder.proj.weight"] = torch.zeros(2, 2)
    folder.mkdir(exist_ok=True)
    torch.save({"model": state}, folder / "model.pt")
    content = {"model": "Emotion2vec", "model_conf": config}
    (folder / "config.yaml").write_text(json.dumps(content))


EMOTION2VEC = Architecture("emotion2vec", save_emotion2vec, {"layers": [0, 1, 2]})

SPEECH = {
    "wav2vec2-base": speech("wav2vec2", hf.Wav2Vec2Config, hf.Wav2Vec2Model),
    "wav2vec2-large": speech("wav2vec2", hf.Wav2Vec2Config, hf.Wav2Vec2Model, **LARGE),
    "hubert-base": speech("hubert", hf.HubertConfig, hf.HubertModel),
    "hubert-large": speech("hubert", hf.HubertConfig, hf.HubertModel, **LARGE),
    "hubert-batch-norm": speech(
        "hubert", hf.HubertConfig, hf.HubertModel, conv_pos_batch_norm=True
    ),
    "wavlm-base": speech("wavlm", hf.WavLMConfig, hf.WavLMModel),
    "wavlm-large": speech("wavlm", hf.WavLMConfig, hf.WavLMModel, **LARGE),
    "data2vec-audio-base": speech(
        "data2vec-audio", hf.Data2VecAudioConfig, hf.Data2VecAudioModel, feat_extract_norm="layer"
    ),
}
WHISPER = whisper(d_model=512, encoder_attention_heads=8, encoder_ffn_dim=2048, num_mel_bins=80)


def save_omni(folder: Path) -> None:
    """The published audio tower with two layers."""
    audio = {
        "d_model": 1280, "encoder_layers": 2, "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120, "num_mel_bins": 128, "output_dim": 3584,
    }  # fmt: skip
    config = hf.Qwen2_5OmniConfig(thinker_config={"audio_config": audio})
    save_tower(seeded(0, lambda: Tower(config)), folder)
    hf.WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)


OMNI = Architecture("omni-audio", save_omni)
