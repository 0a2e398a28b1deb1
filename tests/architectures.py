"""Random checkpoints of every architecture, saved in each library's own format.

Widths, kernels and heads are those of the published network (`tiny` ones are 16 wide); there are
two layers each.
"""

import json
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from extract.backbone import Backbone, seeded
from extract.backbones._emotion2vec_network import Emotion2VecNetwork
from extract.backbones._videollama_tiny import IMAGE, VIDEO, byte_tokenizer
from extract.backbones.omni_audio import Tower, save_tower
from extract.compute import CPU, Compute
from features.leaves import load_leaf

LETTERS = list(string.ascii_lowercase)
BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@dataclass(frozen=True)
class Architecture:
    """A way to save a random checkpoint, and the leaf that reads it."""

    leaf: str
    save: Callable[[Path], None]
    settings: dict[str, Any] = field(default_factory=dict)

    def load(self, folder: Path, compute: Compute = CPU, **settings: Any) -> Backbone:
        """Save a checkpoint into the folder and load it through the real code."""
        self.save(folder)
        leaf = load_leaf("extract/backbones", self.leaf)
        backbone: Backbone = leaf.load(
            compute, checkpoint=str(folder), **{**self.settings, **settings}
        )
        return backbone


def word_piece(kind: Any, specials: list[str] = BERT_SPECIALS) -> Any:
    words = [*specials, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    return kind(vocab={word: number for number, word in enumerate(words)}, model_max_length=64)


def byte_pairs(kind: Any) -> Any:
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *LETTERS, "Ġ", *("Ġ" + x for x in LETTERS)]
    merges = [("Ġ", letter) for letter in LETTERS]
    vocabulary = {word: number for number, word in enumerate(words)}
    return kind(vocab=vocabulary, merges=merges, model_max_length=64)


def pieces(kind: Any, specials: list[str]) -> Any:
    scored = [(word, 0.0) for word in specials] + [("▁", -3.0)]
    scored += [(letter, -2.0) for letter in LETTERS]
    scored += [("▁" + letter, -2.5) for letter in LETTERS]
    return kind(vocab=scored, model_max_length=64)


def text(
    config_kind: Any,
    network_kind: Any,
    tokenizer: Callable[[], Any],
    sizes: dict[str, Any],
    settings: dict[str, Any] | None = None,
) -> Architecture:
    def save(folder: Path) -> None:
        made = tokenizer()
        # RoBERTa and MPNet count positions from their padding index (1) on.
        config = config_kind(
            vocab_size=len(made), pad_token_id=made.pad_token_id, **sizes, **(settings or {})
        )
        made.save_pretrained(folder)
        seeded(0, lambda: network_kind(config)).save_pretrained(folder)

    return Architecture("hf-text", save, {"layers": [0, 1, 2]})


BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 2,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 66,
}
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 66,
}
MINILM = {**BASE, "hidden_size": 384, "intermediate_size": 1536}
DISTIL = {"dim": 768, "n_layers": 2, "n_heads": 12, "hidden_dim": 3072}
DISTIL["max_position_embeddings"] = 64
DEBERTA = {
    "relative_attention": True,
    "position_buckets": 32,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
    "layer_norm_eps": 1e-7,
}
# Every third layer sees everything, the others 128 tokens; here 16, so that it matters.
MODERN = {
    "local_attention": 16,
    "global_attn_every_n_layers": 2,
    "cls_token_id": 0,
    "bos_token_id": 0,
    "sep_token_id": 2,
    "eos_token_id": 2,
}
XLM_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
DEBERTA_SPECIALS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
MPNET_SPECIALS = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]


def texts(sizes: dict[str, Any]) -> dict[str, Architecture]:
    """The text networks with the sizes of BERT."""
    return {
        "bert": text(hf.BertConfig, hf.BertModel, lambda: word_piece(hf.BertTokenizerFast), sizes),
        "roberta": text(
            hf.RobertaConfig, hf.RobertaModel, lambda: byte_pairs(hf.RobertaTokenizerFast), sizes
        ),
        "xlm-roberta": text(
            hf.XLMRobertaConfig,
            hf.XLMRobertaModel,
            lambda: pieces(hf.XLMRobertaTokenizerFast, XLM_SPECIALS),
            sizes,
        ),
        "deberta-v3": text(
            hf.DebertaV2Config,
            hf.DebertaV2Model,
            lambda: pieces(hf.DebertaV2TokenizerFast, DEBERTA_SPECIALS),
            sizes,
            DEBERTA,
        ),
        "modernbert": text(
            hf.ModernBertConfig,
            hf.ModernBertModel,
            lambda: byte_pairs(hf.RobertaTokenizerFast),
            sizes,
            MODERN,
        ),
        "electra": text(
            hf.ElectraConfig,
            hf.ElectraModel,
            lambda: word_piece(hf.ElectraTokenizerFast),
            {**sizes, "embedding_size": sizes["hidden_size"]},
        ),
        "mpnet": text(
            hf.MPNetConfig,
            hf.MPNetModel,
            lambda: word_piece(hf.MPNetTokenizerFast, MPNET_SPECIALS),
            sizes,
        ),
    }


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
    from extract.backbones._emotion2vec_files import architecture

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
TRUE_TEXTS = {
    **texts(BASE),
    "minilm": texts(MINILM)["bert"],
    "distilbert": text(
        hf.DistilBertConfig,
        hf.DistilBertModel,
        lambda: word_piece(hf.DistilBertTokenizerFast),
        DISTIL,
    ),
}


PICTURE = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}


def save_videomae(folder: Path) -> None:
    """The published widths on pictures of 64 x 64."""
    config = hf.VideoMAEConfig(image_size=64, num_hidden_layers=2)
    seeded(0, lambda: hf.VideoMAEModel(config)).save_pretrained(folder)
    hf.VideoMAEImageProcessor(**PICTURE).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    """Both towers, of which one is read; ViT-B/32 on pictures of 64 x 64."""
    vision = {"image_size": 64, "num_hidden_layers": 2}
    texts = {"num_hidden_layers": 1, "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16}
    config = hf.CLIPConfig(vision_config=vision, text_config={**texts, "num_attention_heads": 2})
    seeded(0, lambda: hf.CLIPModel(config)).save_pretrained(folder)
    hf.CLIPImageProcessor(**PICTURE).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    """Both towers, of which one is read; the base size on pictures of 64 x 64."""
    vision = {"image_size": 64, "num_hidden_layers": 2}
    texts = {"num_hidden_layers": 1, "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16}
    texts |= {"num_attention_heads": 2, "projection_size": 768}
    config = hf.SiglipConfig(vision_config=vision, text_config=texts)
    seeded(0, lambda: hf.SiglipModel(config)).save_pretrained(folder)
    hf.SiglipImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def save_videollama(folder: Path) -> None:
    """The published vision tower and the language model of the 2B network, two layers each."""
    tokenizer = byte_tokenizer()
    tokenizer.save_pretrained(folder)
    image, video = tokenizer.convert_tokens_to_ids([IMAGE, VIDEO])
    vision = {
        "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 2,
        "num_attention_heads": 16, "patch_size": 14,
    }  # fmt: skip
    words = {
        "model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960,
        "num_hidden_layers": 2, "num_attention_heads": 12, "num_key_value_heads": 2,
        "vocab_size": len(tokenizer),
    }  # fmt: skip
    config = hf.VideoLlama3Config(
        vision_config=vision, text_config=words, image_token_id=image, video_token_id=video
    )
    network = seeded(0, lambda: hf.VideoLlama3ForConditionalGeneration(config))
    network.save_pretrained(folder)
    hf.VideoLlama3VideoProcessor().save_pretrained(folder)


def save_omni(folder: Path) -> None:
    """The published audio tower with two layers."""
    audio = {
        "d_model": 1280, "encoder_layers": 2, "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120, "num_mel_bins": 128, "output_dim": 3584,
    }  # fmt: skip
    config = hf.Qwen2_5OmniConfig(thinker_config={"audio_config": audio})
    save_tower(seeded(0, lambda: Tower(config)), folder)
    hf.WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)


VIDEOS = {
    "videomae-base": Architecture("videomae", save_videomae, {"layers": [0, 1, 2], "grid": 2}),
    "clip-vit-b32": Architecture("clip-frames", save_clip),
    "siglip-base": Architecture("clip-frames", save_siglip),
    "videollama3-video": Architecture(
        "videollama", save_videollama, {"branch": "video", "grid": None, "max_tokens": 4}
    ),
    "videollama3-joint": Architecture(
        "videollama",
        save_videollama,
        {"branch": "joint", "layers": [0, 1, 2], "max_tokens": 4, "window_s": 6.0},
    ),
}
OMNI = Architecture("omni-audio", save_omni)


def without_checkpoints() -> dict[str, Any]:
    """The networks that need no file: the whole R3D-18 on small frames, and the spectra."""
    return {
        "r3d": load_leaf("extract/backbones", "r3d").load(CPU, weights="random", size_px=16),
        "log-mel": load_leaf("extract/backbones", "log-mel").load(CPU),
        "mfcc": load_leaf("extract/backbones", "mfcc").load(CPU),
    }


TRUE = {
    **TRUE_TEXTS,
    **SPEECH,
    "whisper-base": WHISPER,
    "emotion2vec-base": EMOTION2VEC,
    "qwen2.5-omni-audio": OMNI,
    **VIDEOS,
}
