"""VideoLLaMA3: three branches against the library's own network and processor."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from extract.backbones import videollama
from extract.backbones._video.frames import Scale
from extract.backbones._videollama.input import FRAME, TokenShape
from extract.backbones._videollama.networks import patches
from extract.backbones._videollama.tiny import VIDEO, save_tiny
from extract.media.clip import Clip
from extract.media.errors import UnreadableError
from extract.media.text import Text
from extract.network.backbone import Backbone
from extract.network.compute import CPU, Compute
from extract.network.encoder import Encoder
from features.errors import ProjectError
from tests.conformance import (
    assert_neighbours_never_matter,
    assert_repeatable,
    assert_same,
    clip,
    windows,
)
from tests.video_architectures import VIDEOS, save_videollama

WORDS = "Oh no, he’s lost it."


def pictures(num_frames: int, height: int = 40, width: int = 56) -> np.ndarray[Any, Any]:
    shape = (num_frames, height, width, 3)
    return np.random.default_rng(num_frames).integers(0, 255, shape, dtype=np.uint8)


def tiny(branch: Any, compute: Compute = CPU, **settings: Any) -> Any:
    return videollama.load(compute, branch=branch, checkpoint="tiny", **settings)


def resized(backbone: Any, frames: np.ndarray[Any, Any], text: str = WORDS) -> Any:
    return Text(text) if backbone.modality == "text" else clip(backbone, frames, Text(text))


def track(backbone: Backbone, inputs: Any) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare(inputs)})[0]


@pytest.fixture(params=["tiny", pytest.param("true", marks=pytest.mark.slow)])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A saved network: a tiny one, or one with the published vision tower, two layers."""
    if request.param == "tiny":
        save_tiny(tmp_path, 3)
    else:
        save_videollama(tmp_path)
    return tmp_path


class Library:
    """The library's network and processor of a folder, on one clip at `rate_hz`."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self.model = hf.VideoLlama3Model.from_pretrained(folder).eval()
        self.tokenizer = hf.AutoTokenizer.from_pretrained(folder)
        videos = hf.VideoLlama3VideoProcessor.from_pretrained(folder)
        factor = videos.patch_size * videos.merge_size
        self.most = max_tokens * factor**2
        self.least = min(videos.size["shortest_edge"], self.most)
        images = hf.VideoLlama3ImageProcessor()
        self.processor = hf.VideoLlama3Processor(images, self.tokenizer, videos)

    def inputs(self, frames: np.ndarray[Any, Any], text: str, rate_hz: float) -> Any:
        # The processor shares the pixels among the frames, and counts time in frames of the file.
        size = {"shortest_edge": self.least, "longest_edge": self.most * len(frames)}
        metadata = {
            "fps": 2 * rate_hz,
            "frames_indices": [2 * n + 1 for n in range(len(frames))],
            "total_num_frames": 2 * len(frames),
        }
        return self.processor(
            text=text,
            videos=[torch.from_numpy(frames).permute(0, 3, 1, 2)],
            video_metadata=[metadata],
            size=size,
            use_token_compression=False,
            do_sample_frames=False,
            return_tensors="pt",
        )


@pytest.mark.parametrize("size", [(40, 56), (360, 640), (97, 131), (201, 75), (24, 600)])
@pytest.mark.parametrize("patch", [4, 14])
def test_pixels_equal_the_processors(patch: int, size: tuple[int, int]) -> None:
    least, most = 128 * 28 * 28, 200 * (2 * patch) ** 2
    frames = pictures(3, *size)
    # The processor shares its pixels among the frames.
    shared = {"shortest_edge": min(least, most), "longest_edge": 3 * most}
    processor = hf.VideoLlama3VideoProcessor(size=shared, patch_size=patch)
    inputs = processor(torch.from_numpy(frames).permute(0, 3, 1, 2), return_tensors="pt")
    shape = TokenShape(2 * patch, 200, least, square=False)
    frames_px = torch.from_numpy(np.stack([shape(frame) for frame in frames]))
    made = patches(Scale(processor.image_mean, processor.image_std)(frames_px), patch, 2)
    assert made.shape == inputs["pixel_values_videos"].shape
    assert torch.allclose(made, inputs["pixel_values_videos"], atol=1e-5)
    _, high, wide = inputs["video_grid_thw"][0].tolist()
    assert high * wide // 4 <= 1.2 * 200


def test_the_video_branch_is_what_the_language_model_is_shown(folder: Path) -> None:
    backbone = videollama.load(CPU, branch="video", checkpoint=str(folder), max_tokens=6, grid=None)
    library, frames = Library(folder, 6), pictures(5)
    inputs = library.inputs(frames, VIDEO, 1.0)
    with torch.inference_mode():
        (expected,) = library.model.get_video_features(
            inputs["pixel_values_videos"], inputs["video_grid_thw"], inputs["video_merge_sizes"]
        ).pooler_output
    inputs = resized(backbone, frames)
    steps = track(backbone, inputs)
    assert_same(steps[0], expected)
    assert backbone.prepare(inputs).facts == {"cells": len(expected) // 5}
    assert not [n for n, _ in backbone.network.named_parameters() if "language_model" in n]


def test_the_text_branch_is_the_input_embeddings(folder: Path) -> None:
    backbone = videollama.load(CPU, branch="text", checkpoint=str(folder))
    library = Library(folder, 6)
    ids = library.tokenizer(WORDS, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.inference_mode():
        expected = library.model.get_input_embeddings()(ids)
    assert_same(track(backbone, Text(WORDS)), expected)
    spans = backbone.prepare(Text(WORDS)).spans
    assert spans is not None and spans[:2] == ((0, 1), (1, 2))
    names = [name for name, _ in backbone.network.named_parameters()]
    assert names == ["language_model.embed_tokens.weight"]


def test_the_joint_branch_is_the_librarys_own_forward(folder: Path) -> None:
    num_layers = 2
    backbone: Any = videollama.load(
        CPU,
        branch="joint",
        checkpoint=str(folder),
        layers=[0, 1, num_layers],
        max_tokens=6,
        grid=None,
        rate_hz=2.0,
    )
    library, frames = Library(folder, 6), pictures(5)
    inputs = library.inputs(frames, f"{VIDEO}\n{WORDS}", 2.0)
    video = resized(backbone, frames)
    (window,) = backbone.prepare(video).windows
    assert window.tokens[0].tolist() == inputs["input_ids"][0].tolist()
    with torch.inference_mode():
        output = library.model(
            **{k: v for k, v in inputs.items() if k != "video_metadata"},
            use_cache=False,
            output_hidden_states=True,
        )
    states = torch.cat([*output.hidden_states[:-1], output.last_hidden_state])
    is_frame = torch.from_numpy(window.tokens[1]) == FRAME
    is_word = torch.zeros_like(is_frame)
    is_word[-len(WORDS.encode()) :] = True  # a token is a byte
    steps = track(backbone, video)
    assert_same(steps, torch.cat([states[:, is_frame], states[:, is_word]], dim=1))
    example = backbone.prepare(video)
    assert example.facts == {
        "cells": int(is_frame.sum()) // 5,
        "num_video_steps": int(is_frame.sum()),
    }
    assert len(example.spans) == steps.shape[1]
    assert example.spans[-1] == (len(WORDS) - 1, len(WORDS))


@pytest.mark.slow
@pytest.mark.parametrize("grid", [1, 2, None])
@pytest.mark.parametrize("branch", ["video", "joint"])
def test_batch_neighbours_never_matter_whatever_is_kept(branch: str, grid: int | None) -> None:
    backbone = tiny(branch, grid=grid, **({"window_s": 8.0} if branch == "joint" else {}))
    many = windows(backbone, 16, longest=20)
    assert_neighbours_never_matter(backbone, many)
    assert_repeatable(backbone, many)


@pytest.mark.parametrize("branch", ["video", "joint"])
def test_a_frames_mean_is_that_of_its_tokens(branch: str) -> None:
    pooled, kept = tiny(branch), tiny(branch, grid=None)
    frames = pictures(4)
    cells = kept.prepare(resized(kept, frames)).facts["cells"]
    means = track(kept, resized(kept, frames))[:, : 4 * cells].unflatten(1, (4, cells)).mean(dim=2)
    assert_same(track(pooled, resized(pooled, frames))[:, :4], means)


def test_frames_do_not_see_each_other_in_the_video_branch() -> None:
    backbone = tiny("video")
    frames = pictures(40)  # three windows
    whole = track(backbone, resized(backbone, frames))
    assert_same(whole[:, 17:18], track(backbone, resized(backbone, frames[17:18])))


def test_a_long_clip_is_cut_and_each_window_is_followed_by_the_words() -> None:
    short, long = tiny("joint", window_s=3.0), tiny("joint")
    frames = pictures(7)
    example = short.prepare(resized(short, frames))
    assert len(example.windows) == 3 and example.facts == {"num_video_steps": 7}
    decoded = [short.prepare.tokenizer.decode(w.tokens[0]) for w in example.windows]
    for text, first, last in zip(
        decoded, ("0.5", "3.5", "6.5"), ("2.5", "5.5", "6.5"), strict=True
    ):
        assert text.startswith(f"Time {first}s:") and text.endswith("\n" + WORDS)
        assert f"Time {last}s:" in text and f"Time {float(last) + 1}s:" not in text
    steps, whole = (
        track(short, resized(short, frames)),
        track(long, resized(long, frames)),
    )
    assert steps.shape == whole.shape
    assert_same(steps[:, :3], whole[:, :3])  # attention looks back only
    assert not torch.allclose(steps[:, 3:6], whole[:, 3:6])
    assert len(example.spans) == steps.shape[1]


def test_words_change_no_step_of_the_video_before_them() -> None:
    backbone = tiny("joint")
    frames = pictures(3)
    yes, never = (track(backbone, resized(backbone, frames, text)) for text in ("yes", "never"))
    assert_same(yes[:, :3], never[:, :3])
    assert yes.shape[1] == 3 + 3 and never.shape[1] == 3 + 5


@pytest.mark.parametrize("text", ["", None])
def test_a_clip_without_words_has_the_steps_of_its_frames(text: str | None) -> None:
    backbone = tiny("joint")
    inputs = clip(backbone, pictures(2), None if text is None else Text(text))
    assert track(backbone, inputs).shape[1] == 2


def test_faces_of_any_size_become_squares_of_one_size() -> None:
    shape = tiny("joint", max_tokens=10).prepare.shape
    square = shape.__class__(shape.token_px, 10, shape.min_pixels, square=True)
    sizes = {square(picture[0]).shape for picture in (pictures(1, 40, 40), pictures(1, 90, 120))}
    assert sizes == {(24, 24, 3)}  # three by three tokens of 8 pixels


@pytest.mark.parametrize(
    ("branch", "settings"),
    [("video", {"layers": [1]}), ("video", {"window_s": 9.0}), ("text", {"rate_hz": 2.0})],
)
def test_a_setting_that_decides_nothing_is_refused(branch: str, settings: Any) -> None:
    ((name, value),) = settings.items()
    message = (
        rf"{name} is {re.escape(str(value))} and branch is '{branch}', on which it has no effect"
    )
    with pytest.raises(ProjectError, match=message):
        tiny(branch, **settings)


def test_windows_beyond_the_networks_positions_are_refused() -> None:
    with pytest.raises(ProjectError, match="has 240 frames of up to 256 tokens.*32768 positions"):
        tiny("joint", rate_hz=4.0)
    backbone = tiny("joint")
    backbone.prepare = replace(backbone.prepare, max_positions=40)
    with pytest.raises(UnreadableError, match=r"a window of it has \d+ tokens.*40 positions"):
        backbone.prepare(resized(backbone, pictures(9)))


def test_a_picture_too_narrow_for_the_network_is_undecodable() -> None:
    with pytest.raises(UnreadableError, match="a frame of 600 x 2 is too long and narrow"):
        tiny("video").prepare.frame(pictures(1, 2, 600)[0])


def test_a_processor_of_images_is_not_taken_for_that_of_videos(tmp_path: Path) -> None:
    save_tiny(tmp_path, 3)
    (tmp_path / "video_preprocessor_config.json").unlink()
    hf.VideoLlama3ImageProcessor(patch_size=4).save_pretrained(tmp_path)
    with pytest.raises(ProjectError, match=r"are \(4, 1, 1\), and should be \(4, 2, 1\)"):
        videollama.load(CPU, branch="video", checkpoint=str(tmp_path))


def test_all_branches_have_the_version_of_the_file() -> None:
    branches = ("video", "text", "joint")
    assert {tiny(branch).version for branch in branches} == {videollama.VERSION}


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    VIDEOS["videomae-base"].save(tmp_path)
    with pytest.raises(ProjectError, match="is a 'videomae'; this backbone reads 'video_llama_3'"):
        videollama.load(CPU, branch="video", checkpoint=str(tmp_path))


@pytest.mark.parametrize("branch", ["video", "joint", "text"])
def test_bfloat16_stays_near_float32(branch: str) -> None:
    reduced = Compute(torch.device("cpu"), dtype="bfloat16")
    inputs = resized(tiny(branch), pictures(4))
    exact = track(tiny(branch), inputs)
    network = tiny(branch, reduced)
    rounded = Encoder(network, reduced).tracks({0: network.prepare(inputs)})[0]
    assert rounded.dtype == torch.float32
    assert float((rounded - exact).norm() / exact.norm()) < 0.03


def test_a_state_beyond_float16_is_reported_by_name_and_not_clamped() -> None:
    from extract.fill.part_writer import track_fault

    backbone = tiny("joint", layers=[1])
    backbone.network.language_model.layers[0].mlp.down_proj.weight *= 1e9
    steps = track(backbone, resized(backbone, pictures(2)))
    assert track_fault(steps, "float16") == "beyond-float16"
    assert track_fault(steps, "float32") is None


def test_seeds_make_networks() -> None:
    assert tiny("text", seed=1).weights_digest == tiny("text", seed=1).weights_digest
    assert tiny("text", seed=1).weights_digest != tiny("text", seed=2).weights_digest


def test_the_clip_of_a_track_counts_frames_without_a_face() -> None:
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    assert Clip(frames, 2).facts() == {"num_frames": 3, "num_faceless": 2}
    assert Clip(frames).facts() == {} and Clip(frames).facts(4) == {"cells": 4}
