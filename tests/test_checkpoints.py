"""Checkpoints: their sources, refusals, error messages."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, RobertaConfig, RobertaModel

from extract.backbones import hf_text, hubert, whisper
from extract.media.text import Text
from extract.network.checkpoint_folders import digest_checkpoint
from extract.network.checkpoints import load_pretrained
from extract.network.compute import CPU
from features.errors import ProjectError
from tests.architectures import SMALL, texts


def save_roberta(folder: Path) -> RobertaConfig:
    config = RobertaConfig(
        vocab_size=6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(folder)
    return config


def test_weights_that_are_lacking_are_named(tmp_path: Path) -> None:
    config = save_roberta(tmp_path)
    config.num_hidden_layers = 2
    config.save_pretrained(tmp_path)
    with pytest.raises(ProjectError, match=r"lacks \d+ weights of its network, such as"):
        load_pretrained(RobertaModel, tmp_path, CPU, ["roberta"])


def test_a_folder_that_is_not_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot be loaded: it has no config.json"):
        load_pretrained(RobertaModel, tmp_path, CPU, ["roberta"])


class Payload:
    """What a hostile checkpoint would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('it ran')",))


class TestOlderWeights:
    """Many published networks (HuBERT, WavLM, DeBERTa-v3) have a pytorch_model.bin alone."""

    @staticmethod
    def save(folder: Path) -> None:
        texts(SMALL)["bert"].save(folder)
        weights = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        torch.save(weights, folder / "pytorch_model.bin")

    def test_they_are_read_as_plain_tensors_and_give_the_same(self, tmp_path: Path) -> None:
        new = texts(SMALL)["bert"].load(tmp_path / "new")
        (tmp_path / "old").mkdir()
        self.save(tmp_path / "old")
        old = hf_text.load(CPU, checkpoint=str(tmp_path / "old"), layers=[0, 1, 2])
        window = new.prepare(Text("a b c")).windows[0]
        with CPU.running():
            assert torch.equal(new.encode([window])[0], old.encode([window])[0])
        assert new.weights_digest != old.weights_digest

    def test_what_they_would_run_is_refused_and_does_not_run(self, tmp_path: Path) -> None:
        self.save(tmp_path)
        torch.save({"x": Payload()}, tmp_path / "pytorch_model.bin")
        with pytest.raises(ProjectError, match="cannot be loaded"):
            hf_text.load(CPU, checkpoint=str(tmp_path))

    def test_beside_safetensors_they_are_not_even_digested(self, tmp_path: Path) -> None:
        texts(SMALL)["bert"].save(tmp_path)
        before = digest_checkpoint(tmp_path)
        (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
        assert digest_checkpoint(tmp_path) == before


def test_a_damaged_safetensors_file_is_named(tmp_path: Path) -> None:
    save_roberta(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not a header")
    with pytest.raises(ProjectError, match="cannot be loaded"):
        load_pretrained(RobertaModel, tmp_path, CPU, ["roberta"])


@pytest.mark.parametrize(
    ("leaf", "kind"), [(hubert, "'hubert'"), (whisper, "'whisper'")], ids=["hubert", "whisper"]
)
def test_another_architecture_is_refused_by_name(leaf: object, kind: str, tmp_path: Path) -> None:
    save_roberta(tmp_path)
    with pytest.raises(ProjectError, match=f"is a 'roberta'; this backbone reads {kind}"):
        leaf.load(CPU, checkpoint=str(tmp_path))  # type: ignore[attr-defined]


def test_a_text_network_that_no_test_covers_is_refused(tmp_path: Path) -> None:
    save_roberta(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"model_type": "gpt2"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ProjectError, match="is a 'gpt2'; this backbone reads 'bert', 'deberta"):
        hf_text.load(CPU, checkpoint=str(tmp_path))


@pytest.mark.parametrize("known_type", [True, False])
def test_code_that_comes_with_a_checkpoint_never_runs(known_type: bool, tmp_path: Path) -> None:
    texts(SMALL)["bert"].save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Network", "AutoConfig": "evil.Config"}
    if not known_type:
        config["model_type"] = "evil"
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')")
    if known_type:  # the library's own class of that name is used
        assert hf_text.load(CPU, checkpoint=str(tmp_path)).dim == 16
        return
    with pytest.raises(ProjectError, match=r"wants to run code that comes with it.*never done"):
        hf_text.load(CPU, checkpoint=str(tmp_path))


def test_the_librarys_own_refusal_of_foreign_code_is_said_in_our_words(tmp_path: Path) -> None:
    config = {"model_type": "bert-like", "auto_map": {"AutoConfig": "evil.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ProjectError, match="wants to run code that comes with it, which is never"):
        load_pretrained(AutoModel, tmp_path, CPU, ["bert-like"])
