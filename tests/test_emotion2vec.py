"""emotion2vec: the published files, and the frames of FunASR."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extract.backbones import emotion2vec
from extract.backbones._emotion2vec.files import conv_layers, read_checkpoint
from extract.backbones._emotion2vec.network import slopes
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from features.errors import ProjectError
from features.files import digest_file, digest_json
from tests.conformance import assert_same
from tests.speech_architectures import EMOTION2VEC_CONFIG, save_emotion2vec


def noise(num_samples: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(num_samples).normal(0, 0.1, num_samples).astype(np.float32)


def track(backbone: Any, samples: Any, rate_hz: int = 16_000) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare((samples, rate_hz))})[0]


def test_emotion2vec_gives_the_frames_of_funasr(tmp_path: Path) -> None:
    """A random network, saved as published, and FunASR 1.4.16's frames of three clips."""
    saved = np.load(Path(__file__).parent / "fixtures" / "emotion2vec_tiny.npz")
    config = {"model_conf": json.loads(str(saved["config"]))}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    named = [name.partition("/") for name in saved.files if "/" in name]
    weights = {
        name: torch.from_numpy(saved[f"weights/{name}"])
        for kind, _, name in named
        if kind == "weights"
    }
    torch.save({"model": weights}, tmp_path / "model.pt")
    backbone = emotion2vec.load(CPU, checkpoint=str(tmp_path))
    names = [name for kind, _, name in named if kind == "clips"]
    examples = [backbone.prepare((saved[f"clips/{name}"], 16_000)) for name in names]
    with CPU.running():
        batch = backbone.encode([example.windows[0] for example in examples])
    for name, track_in_batch in zip(names, batch, strict=True):
        assert_same(track_in_batch[0], torch.from_numpy(saved[f"frames/{name}"]))


class Payload:
    """What a hostile checkpoint would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('it ran')",))


class TestEmotion2VecFiles:
    def test_published_files_load_under_our_names(self, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        backbone = emotion2vec.load(CPU, checkpoint=str(tmp_path))
        assert backbone.dim == 768 and backbone.layers == (2,) and backbone.rate_hz == 50.0
        assert backbone.prepare.variance_floor == 1e-5
        assert track(backbone, noise(16_000)).shape == (1, 49, 768)

    def test_every_weight_is_in_its_place(self, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        network = read_checkpoint(tmp_path).network
        state = torch.load(tmp_path / "model.pt", weights_only=True)["model"]
        fc1 = state["d2v_model.blocks.0.mlp.fc1.weight"]
        assert torch.equal(network.blocks[1].fc1.weight, fc1)
        third = "d2v_model.modality_encoders.AUDIO.relative_positional_encoder.3.0.bias"
        assert torch.equal(network.positional[2].bias, state[third])

    def test_the_sum_of_layers_is_read_without_being_executed(self) -> None:
        spec = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"
        assert conv_layers(spec) == (
            (512, 10, 5), *[(512, 3, 2)] * 4, (512, 2, 2), (512, 2, 2),
        )  # fmt: skip
        for hostile in (
            *("__import__('os').abort()", "[(1, 2)]", "[0] * 10 ** 9", "[", "3"),
            *("[(1, 1, 1)]" + " * 60" * 9, "(" * 5000),
        ):
            with pytest.raises(ValueError, match=r"is not a list of|not enough values"):
                conv_layers(hostile)

    def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(self, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        torch.save({"model": {"x": Payload()}}, tmp_path / "model.pt")
        with pytest.raises(ProjectError, match=r"model\.pt cannot be read as plain tensors"):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))
        (tmp_path / "model.pt").write_bytes(pickle.dumps(Payload()))
        with pytest.raises(ProjectError, match=r"model\.pt cannot be read as plain tensors"):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))

    @pytest.mark.parametrize("name", ["config.yaml", "model.pt"])
    def test_a_missing_file_is_named(self, name: str, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        (tmp_path / name).unlink()
        with pytest.raises(ProjectError, match=f"has no {name}; emotion2vec is published as"):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))

    @pytest.mark.parametrize("weights", ["model.pt", "emotion2vec_base.pt", "pretrained.pt"])
    def test_every_published_name_of_the_weights_is_read(
        self, weights: str, tmp_path: Path
    ) -> None:
        save_emotion2vec(tmp_path)
        usual = read_checkpoint(tmp_path)
        (tmp_path / "model.pt").rename(tmp_path / weights)
        paths = {"init_param": weights, "config": "config.yaml"}
        (tmp_path / "configuration.json").write_text(json.dumps({"file_path_metas": paths}))
        (tmp_path / ".msc").write_bytes(b"\x80ModelScope's list of files")
        checkpoint = read_checkpoint(tmp_path)
        assert torch.equal(
            checkpoint.network.blocks[1].fc1.weight, usual.network.blocks[1].fc1.weight
        )
        # A store that was made from model.pt keeps its name, whatever else is in the folder.
        assert (checkpoint.digest == usual.digest) == (weights == "model.pt")

    def test_the_digest_is_that_of_both_files_by_name(self, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        files = {name: digest_file(tmp_path / name) for name in ("config.yaml", "model.pt")}
        assert read_checkpoint(tmp_path).digest == digest_json(files)

    @pytest.mark.parametrize("name", ["../model.pt", "/model.pt", 3])
    def test_weights_outside_the_folder_are_refused(self, name: object, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        (tmp_path / "model.pt").rename(tmp_path / "elsewhere.pt")
        content = json.dumps({"file_path_metas": {"init_param": name}})
        (tmp_path / "configuration.json").write_text(content)
        with pytest.raises(ProjectError, match=f"configuration.json names {name!r} as a weight"):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))

    def test_entries_that_are_not_tensors_are_left_out(self, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        state = torch.load(tmp_path / "model.pt", weights_only=True)["model"]
        torch.save({"model": state | {"_ema": None, "num_updates": 7}}, tmp_path / "model.pt")
        assert emotion2vec.load(CPU, checkpoint=str(tmp_path)).dim == 768
        torch.save({"model": {"num_updates": 7}}, tmp_path / "model.pt")
        with pytest.raises(ProjectError, match=r"model\.pt has no weights under 'model'"):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))

    def test_weights_of_other_sizes_are_refused(self, tmp_path: Path) -> None:
        save_emotion2vec(tmp_path)
        weights = (tmp_path / "model.pt").read_bytes()
        deeper = copy.deepcopy(EMOTION2VEC_CONFIG) | {"depth": 2}
        save_emotion2vec(tmp_path, deeper)
        (tmp_path / "model.pt").write_bytes(weights)
        with pytest.raises(ProjectError, match=r"lacks 12 weights.*such as 'blocks\.2\."):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))

    @pytest.mark.parametrize(
        ("setting", "value"), [("layer_norm_first", True), ("norm_affine", False)]
    )
    def test_an_architecture_that_is_none_of_the_published_is_refused(
        self, setting: str, value: bool, tmp_path: Path
    ) -> None:
        save_emotion2vec(tmp_path)
        text = (tmp_path / "config.yaml").read_text()
        before = f'"{setting}": {str(not value).lower()}'
        assert before in text
        changed = text.replace(before, f'"{setting}": {str(value).lower()}')
        (tmp_path / "config.yaml").write_text(changed)
        fault = f"{setting} is {value}; only {not value} is supported"
        with pytest.raises(ProjectError, match=fault):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))

    @pytest.mark.parametrize(
        ("section", "name", "value"),
        [("audio", "conv_pos_groups", 5), ("audio", "conv_pos_depth", 0), ("", "num_heads", "x")],
    )
    def test_a_config_that_fits_no_network_is_named(
        self, section: str, name: str, value: object, tmp_path: Path
    ) -> None:
        save_emotion2vec(tmp_path)
        config = copy.deepcopy(EMOTION2VEC_CONFIG)
        (config["modalities"]["audio"] if section else config)[name] = value
        (tmp_path / "config.yaml").write_text(json.dumps({"model_conf": config}))
        with pytest.raises(ProjectError, match="does not describe an emotion2vec network"):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))
        del config["normalize"]
        (tmp_path / "config.yaml").write_text(json.dumps({"model_conf": config}))
        with pytest.raises(ProjectError, match="does not describe an emotion2vec network"):
            emotion2vec.load(CPU, checkpoint=str(tmp_path))

    def test_slopes_of_twelve_heads_are_those_of_eight_and_four_of_sixteen(self) -> None:
        assert slopes(8) == [2.0**-n for n in range(1, 9)]
        assert slopes(12) == [*slopes(8), 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]
