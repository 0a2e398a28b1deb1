"""Fakes of published networks on video, see published_layouts.py."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from torch import Tensor
from torchvision.models._api import Weights, WeightsEnum
from torchvision.models.video.resnet import BasicBlock, BasicStem, Conv3DSimple, VideoResNet
from torchvision.transforms._presets import VideoClassification

from extract.backbones import r3d
from extract.backbones._videollama.tiny import save_tiny
from tests.published_layouts import drawn, write, write_network


def videomae(folder: Path) -> Any:
    """Pre-training's decoder, biases of queries and values alone, sizes as whole numbers."""
    config = hf.VideoMAEConfig(
        image_size=224, patch_size=112, num_frames=4, hidden_size=16, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=32, decoder_hidden_size=8, norm_pix_loss=True,
        decoder_num_attention_heads=2, decoder_intermediate_size=8, decoder_num_hidden_layers=1,
    )  # fmt: skip
    network = drawn(lambda: hf.VideoMAEForPreTraining(config))

    def renamed(name: str) -> str:
        return name.replace("query.bias", "q_bias").replace("value.bias", "v_bias")

    write_network(folder, network, renamed, extra={}, old=False)
    settings = {"do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 2}
    settings |= {"feature_extractor_type": "VideoMAEFeatureExtractor", "size": 224}
    colours = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    write(folder, "preprocessor_config.json", settings | colours)
    return network.videomae


TOWER = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip
SEEN = {**TOWER, "image_size": 32, "patch_size": 16}


def clip(folder: Path) -> Any:
    """clip-vit-base-patch32 of 2021: CLIPFeatureExtractor, sizes as whole numbers, a .bin."""
    config = hf.CLIPConfig(
        text_config={**TOWER, "vocab_size": 8}, vision_config=SEEN, projection_dim=12
    )
    network = drawn(lambda: hf.CLIPModel(config))
    extra = {"vision_model.embeddings.position_ids": torch.arange(5)[None]}
    write_network(folder, network, extra=extra, old=True)
    settings = {
        "crop_size": 32, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 32,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }  # fmt: skip
    write(folder, "preprocessor_config.json", settings)
    return network


def siglip(folder: Path) -> Any:
    config = hf.SiglipConfig(
        text_config={**TOWER, "vocab_size": 8, "projection_size": 16}, vision_config=SEEN
    )
    network = drawn(lambda: hf.SiglipModel(config))
    write_network(folder, network, extra={}, old=False)
    settings = {
        "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5], "processor_class": "SiglipProcessor", "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"height": 32, "width": 32},
    }  # fmt: skip
    write(folder, "preprocessor_config.json", settings)
    return network


TOWERS = {
    "clip-vit-base-patch32": lambda folder: (clip(folder), hf.CLIPImageProcessor),
    "siglip-base-patch16-224": lambda folder: (siglip(folder), hf.SiglipImageProcessor),
}


def small_r3d(weights: None = None) -> VideoResNet:
    return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [1, 1, 1, 1], BasicStem)


def r3d_18(folder: Path, monkeypatch: pytest.MonkeyPatch) -> VideoResNet:
    """A .pth in torch's older format in its cache; its name ends with its SHA-256's beginning."""
    network = drawn(small_r3d)
    (folder / "checkpoints").mkdir()
    draft = folder / "draft.pth"
    torch.save(network.state_dict(), draft, _use_new_zipfile_serialization=False)
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    name = f"r3d_18-{digest[:8]}.pth"
    draft.rename(folder / "checkpoints" / name)
    monkeypatch.setattr("torch.hub._hub_dir", str(folder))
    transforms = partial(VideoClassification, crop_size=(112, 112), resize_size=(128, 171))

    class Published(WeightsEnum):
        KINETICS400_V1 = Weights(f"https://download.invalid/{name}", transforms, {})

    monkeypatch.setitem(r3d.NETWORKS, "r3d-18", (small_r3d, Published, 8))
    network.fc = torch.nn.Identity()
    return network


BRANCHES: dict[str, dict[str, Any]] = {"video": {"max_tokens": 6, "grid": None}, "text": {}}
# DAMO-NLP-SG/VideoLLaMA3-7B
VIDEOLLAMA_ORIGINAL = {
    "architectures": ["Videollama3Qwen2ForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_videollama3.Videollama3Qwen2Config",
        "AutoModelForCausalLM": "modeling_videollama3.Videollama3Qwen2ForCausalLM",
    },
    "model_type": "videollama3_qwen2",
}


def videollama(folder: Path) -> Any:
    """VideoLLaMA3-7B-Image-HF: bfloat16, shards, preprocessing of images and of videos."""
    save_tiny(folder, 0)
    kind = hf.VideoLlama3ForConditionalGeneration
    network = drawn(lambda: kind.from_pretrained(folder)).bfloat16()
    (folder / "model.safetensors").unlink()
    network.save_pretrained(folder, max_shard_size="60KB")
    hf.VideoLlama3ImageProcessor(patch_size=4, merge_size=1).save_pretrained(folder)
    return network.float()


def videollama_pixels(folder: Path, frames: Any) -> dict[str, Tensor]:
    """What the published processor makes of frames of up to six tokens each."""
    processor = hf.VideoLlama3VideoProcessor.from_pretrained(folder)
    most = 6 * (processor.patch_size * processor.merge_size) ** 2
    size = {"shortest_edge": most, "longest_edge": most * len(frames)}
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    made = processor(pixels, size=size, do_sample_frames=False, return_tensors="pt")
    names = ("pixel_values_videos", "video_grid_thw", "video_merge_sizes")
    return {name: made[name] for name in names}
