"""Preprocessing that a checkpoint does not state must be given, and is never guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from extract.backbones import wav2vec2
from extract.backbones._videollama.tiny import save_tiny
from extract.backbones.omni_audio import save_tiny as save_tiny_omni
from extract.network.compute import CPU
from extract.plan.recipe import store_header
from features.errors import ProjectError
from features.leaves import leaf_parameters, load_leaf
from features.specs.tracks import BackboneSpec, ExtractSpec, LeafSpec
from tests import published_audio as audio
from tests import published_videos as videos

FAMILIES = {
    "wav2vec2": "wav2vec2-base-960h",
    "hubert": "hubert-base-ls960",
    "wavlm": "wavlm-base-plus",
    "data2vec-audio": "data2vec-audio-base",
}
PREPROCESSING = "preprocessor_config.json"


def load(code: str, folder: Path, **settings: Any) -> Any:
    return load_leaf("extract/backbones", code).load(CPU, checkpoint=str(folder), **settings)


def saved(code: str, folder: Path) -> Path:
    _, publish = audio.SPEECH[FAMILIES[code]]
    publish(folder)
    return folder / PREPROCESSING


@pytest.mark.parametrize("code", FAMILIES)
class TestScaling:
    def test_without_the_file_a_setting_is_asked_for(self, code: str, tmp_path: Path) -> None:
        saved(code, tmp_path).unlink()
        message = rf"{tmp_path.name} does not state whether clips are scaled.*4 %.*normalise: true"
        with pytest.raises(ProjectError, match=message):
            load(code, tmp_path)
        assert load(code, tmp_path, normalise=True).prepare.variance_floor == 1e-7
        assert load(code, tmp_path, normalise=False).prepare.variance_floor is None

    @pytest.mark.parametrize("content", [{}, {"sampling_rate": 16_000, "do_normalize": None}])
    def test_a_file_that_does_not_state_it_is_no_answer(
        self, code: str, content: dict[str, Any], tmp_path: Path
    ) -> None:
        saved(code, tmp_path).write_text(json.dumps(content))
        with pytest.raises(ProjectError, match="does not state whether clips are scaled"):
            load(code, tmp_path)
        assert load(code, tmp_path, normalise=False).prepare.variance_floor is None

    @pytest.mark.parametrize("normalise", [True, False])
    def test_what_the_file_states_is_the_only_truth(
        self, code: str, normalise: bool, tmp_path: Path
    ) -> None:
        saved(code, tmp_path)
        message = f"normalise is {normalise}, but .* states do_normalize: {code != 'wavlm'}"
        with pytest.raises(ProjectError, match=message):
            load(code, tmp_path, normalise=normalise)

    def test_a_file_for_several_kinds_of_input_may_lack_it(self, code: str, tmp_path: Path) -> None:
        saved(code, tmp_path).unlink()
        processor = tmp_path / "processor_config.json"
        processor.write_text('{"processor_class": "Wav2Vec2Processor"}')
        with pytest.raises(ProjectError, match="does not state whether clips are scaled"):
            load(code, tmp_path)
        processor.write_text('{"feature_extractor": {"do_normalize": false}}')
        assert load(code, tmp_path).prepare.variance_floor is None

    def test_it_can_be_set_in_params_yaml(self, code: str, tmp_path: Path) -> None:
        (setting,) = [
            parameter
            for parameter in leaf_parameters("extract/backbones", code, "load")
            if parameter.name == "normalise"
        ]
        assert setting.hint == bool | None and setting.default is None


@pytest.mark.parametrize("normalise", [True, False])
def test_a_random_network_has_nothing_to_set(normalise: bool) -> None:
    with pytest.raises(ProjectError, match=f"normalise is {normalise} and checkpoint is 'random'"):
        wav2vec2.load(CPU, checkpoint="random", normalise=normalise)


class TestRecipeHash:
    """Stores are made again when it changes, so it changes for a reason only."""

    @staticmethod
    def recipe(**settings: Any) -> str:
        options = {
            "checkpoint": "random", "revision": None, "layers": None, "window_s": 60.0,
            "overlap_s": 10.0, "seed": 0, **settings,
        }  # fmt: skip
        spec = BackboneSpec("w", "audio", LeafSpec("wav2vec2", options))
        backbone = wav2vec2.tiny()
        backbone.weights_digest = "0" * 64
        return store_header(backbone, spec, ExtractSpec()).recipe

    def test_it_stays_and_a_setting_that_is_left_out_is_its_default(self) -> None:
        assert self.recipe() == "58d806081b801f2720f403d04d7cf0d39f39cb5f2bd37a2af26edcb04a5e809a"
        assert self.recipe(normalise=None) == self.recipe(normalise=True) == self.recipe()

    def test_clips_that_are_not_scaled_have_another(self) -> None:
        assert self.recipe(normalise=False) != self.recipe()


OTHERS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "clip": (videos.TOWERS["clip-vit-base-patch32"], "clip-frames", {}),
    "siglip": (videos.TOWERS["siglip-base-patch16-224"], "clip-frames", {}),
    "videomae": (videos.videomae, "videomae", {}),
    "whisper": (audio.whisper, "whisper", {"overlap_s": 0.2}),
    "omni-audio": (lambda folder: save_tiny_omni(folder, 0), "omni-audio", {}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_without_its_preprocessing_is_refused_in_one_line(
    name: str, tmp_path: Path
) -> None:
    save, code, settings = OTHERS[name]
    save(tmp_path)
    assert load(code, tmp_path, **settings).dim > 0
    (tmp_path / PREPROCESSING).unlink()
    message = rf"^the checkpoint in {tmp_path} has no preprocessor_config\.json, which states"
    with pytest.raises(ProjectError, match=message):
        load(code, tmp_path, **settings)
    (tmp_path / "processor_config.json").write_text('{"processor_class": "SomeProcessor"}')
    with pytest.raises(ProjectError, match=message):
        load(code, tmp_path, **settings)


@pytest.mark.parametrize("name", ["clip", "siglip", "videomae"])
def test_colours_that_are_not_stated_are_not_guessed(name: str, tmp_path: Path) -> None:
    save, code, settings = OTHERS[name]
    save(tmp_path)
    stated = json.loads((tmp_path / PREPROCESSING).read_text())
    del stated["image_std"]
    (tmp_path / PREPROCESSING).write_text(json.dumps(stated))
    with pytest.raises(ProjectError, match="does not state 'image_std'"):
        load(code, tmp_path, **settings)


@pytest.mark.parametrize("branch", ["video", "joint"])
def test_videollamas_videos_need_their_own_preprocessing(branch: str, tmp_path: Path) -> None:
    save_tiny(tmp_path, 0)
    (tmp_path / "video_preprocessor_config.json").unlink()
    with pytest.raises(ProjectError, match=r"has no video_preprocessor_config\.json, which states"):
        load("videollama", tmp_path, branch=branch)
