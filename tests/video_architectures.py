"""Random checkpoints of the networks on video, see architectures.py."""

from pathlib import Path

import transformers as hf

from extract.backbones._video.checkpoint import squares
from extract.backbones._videollama.tiny import IMAGE, VIDEO, byte_tokenizer
from extract.network.backbone import seeded
from tests.architectures import Architecture


def save_videomae(folder: Path) -> None:
    """The published widths on frames of 64 x 64."""
    config = hf.VideoMAEConfig(image_size=64, num_hidden_layers=2)
    seeded(0, lambda: hf.VideoMAEModel(config)).save_pretrained(folder)
    hf.VideoMAEImageProcessor(**squares(64)).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    """Both towers, of which one is read; ViT-B/32 on frames of 64 x 64."""
    vision = {"image_size": 64, "num_hidden_layers": 2}
    texts = {"num_hidden_layers": 1, "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16}
    config = hf.CLIPConfig(vision_config=vision, text_config={**texts, "num_attention_heads": 2})
    seeded(0, lambda: hf.CLIPModel(config)).save_pretrained(folder)
    hf.CLIPImageProcessor(**squares(64)).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    """Both towers, of which one is read; the base size on frames of 64 x 64."""
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
