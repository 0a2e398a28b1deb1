"""Checkpoints of the hub: downloads, local copies, error messages of refusals."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.compute import CPU
from features.errors import ProjectError
from features.leaves import load_leaf
from tests.published_audio import emotion2vec, whisper
from tests.published_hub import COMMIT, NAME, Hub, running
from tests.published_layouts import TEXTS


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with running(tmp_path / "hub", monkeypatch) as started:
        yield started


def published(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


class TestWhatIsFetched:
    def test_of_whisper_the_second_copy_in_float32_is_not(self, hub: Hub, tmp_path: Path) -> None:
        (tmp_path / "published").mkdir()
        whisper(tmp_path / "published")
        hub.files = published(tmp_path / "published") | {"flax_model.msgpack": b"x", "a.bin": b"x"}
        folder = checkpoint_folder(NAME, COMMIT)
        assert sorted(hub.fetched) == [
            "config.json", "model.safetensors", "preprocessor_config.json",
        ]  # fmt: skip
        assert digest_checkpoint(folder) == digest_checkpoint(tmp_path / "published")
        assert load_leaf("extract/backbones", "whisper").load(
            CPU, checkpoint=NAME, revision=COMMIT, overlap_s=0.2
        ).weights_digest == digest_checkpoint(folder)

    def test_of_deberta_the_generators_weights_are_not(self, hub: Hub, tmp_path: Path) -> None:
        (tmp_path / "published").mkdir()
        TEXTS["deberta-v3-base"](tmp_path / "published")
        hub.files = published(tmp_path / "published")
        checkpoint_folder(NAME, COMMIT)
        assert set(hub.fetched) == set(hub.files) - {"pytorch_model.generator.bin"}

    def test_shards_are_those_that_the_index_names(self, hub: Hub) -> None:
        shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
        index = {"weight_map": {f"weight {shard}": shard for shard in shards}}
        others = ["adapter_model.safetensors", "consolidated.safetensors"]
        hub.files = {
            **{name: name.encode() for name in [*shards, *others]},
            "model.safetensors.index.json": json.dumps(index).encode(),
            "pytorch_model.bin": b"x",
            "1_Pooling/config.json": b"{}",
        }
        folder = checkpoint_folder(NAME, COMMIT)
        assert set(hub.fetched) == {*shards, "model.safetensors.index.json"} == names(folder)

    @pytest.mark.parametrize("weights", ["emotion2vec_base.pt", "model.pt", "pretrained.pt"])
    def test_of_emotion2vec_the_named_weights_are(
        self, weights: str, hub: Hub, tmp_path: Path
    ) -> None:
        (tmp_path / "published").mkdir()
        emotion2vec(tmp_path / "published", weights)
        hub.files = published(tmp_path / "published")
        leaf = load_leaf("extract/backbones", "emotion2vec")
        assert leaf.load(CPU, checkpoint=NAME, revision=COMMIT).dim == 16
        assert set(hub.fetched) == {"config.yaml", "configuration.json", weights}


class TestLocalCopies:
    FILES = {"config.json": b"{}", "model.safetensors": b"x", "tokenizer.json": b"{}"}

    def test_a_part_of_a_copy_is_completed(self, hub: Hub) -> None:
        hub.files = self.FILES
        snapshot_download(NAME, revision=COMMIT, allow_patterns=["config.json", "*.safetensors"])
        assert names(hub.snapshot) == {"config.json", "model.safetensors"}
        assert names(checkpoint_folder(NAME, COMMIT)) == set(self.FILES)

    def test_a_copy_that_another_program_made_is_completed(self, hub: Hub) -> None:
        hub.files = self.FILES
        hub.snapshot.mkdir(parents=True)
        (hub.snapshot / "model.safetensors").write_bytes(b"x")
        assert names(checkpoint_folder(NAME, COMMIT)) == set(self.FILES)

    def test_a_complete_copy_asks_nobody(self, hub: Hub) -> None:
        hub.files = self.FILES
        checkpoint_folder(NAME, COMMIT)
        num_before = hub.num_requests
        assert names(checkpoint_folder(NAME, COMMIT)) == set(self.FILES)
        assert hub.num_requests == num_before

    @pytest.mark.parametrize("lack", ["offline", "no network", "silence", "refusal"])
    def test_a_copy_is_used_where_the_hub_does_not_answer(
        self, lack: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub.snapshot.mkdir(parents=True)
        (hub.snapshot / "model.safetensors").write_bytes(b"x")
        silent = socket.socket()
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        if lack == "offline":
            monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        elif lack == "refusal":
            hub.refusal = "RepoNotFound"
        else:
            monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
        if lack == "silence":
            monkeypatch.setattr("extract.network.hub.TIMEOUT_S", 0.2)
            silent.listen()
        with silent:
            assert checkpoint_folder(NAME, COMMIT) == hub.snapshot

    def test_what_a_copy_lacks_without_a_network_is_named_later(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "published").mkdir()
        TEXTS["bert-base-uncased"](tmp_path / "published")
        hub.files = published(tmp_path / "published")
        folder = checkpoint_folder(NAME, COMMIT)
        (folder / "vocab.txt").unlink()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        leaf = load_leaf("extract/backbones", "hf-text")
        with pytest.raises(ProjectError, match=f"{COMMIT} has no tokenizer vocabulary"):
            leaf.load(CPU, checkpoint=NAME, revision=COMMIT)


class TestRefusals:
    def test_a_commit_that_does_not_exist_is_named(self, hub: Hub) -> None:
        hub.refusal = "RevisionNotFound"
        with pytest.raises(ProjectError, match=f"'{NAME}' on the .* hub has no commit {COMMIT}"):
            checkpoint_folder(NAME, COMMIT)

    def test_a_name_that_does_not_exist_is_named(self, hub: Hub) -> None:
        hub.refusal = "RepoNotFound"
        with pytest.raises(ProjectError, match=f"hub has no public checkpoint '{NAME}'.*login"):
            checkpoint_folder(NAME, COMMIT)

    def test_the_terms_of_a_gated_repository_are_to_be_accepted(self, hub: Hub) -> None:
        hub.files, hub.gated = {"config.json": b"{}"}, True
        message = (
            rf"'{NAME}' is gated on the Hugging Face hub\. Accept its terms on "
            rf"https://huggingface\.co/{NAME}.*HF_TOKEN"
        )
        with pytest.raises(ProjectError, match=message):
            checkpoint_folder(NAME, COMMIT)

    def test_a_gated_repository_that_hides_its_list_is_named_too(self, hub: Hub) -> None:
        hub.refusal = "GatedRepo"
        with pytest.raises(ProjectError, match=f"'{NAME}' is gated"):
            checkpoint_folder(NAME, COMMIT)

    def test_without_a_network_both_remedies_are_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(
            ProjectError, match=r"Connect to the internet, or copy its folder here and give"
        ):
            checkpoint_folder("nobody/nothing", COMMIT)

    def test_what_is_not_a_name_is_said(self) -> None:
        with pytest.raises(ProjectError, match="'no/such/folder/here'.*copy its folder here"):
            checkpoint_folder("no/such/folder/here", COMMIT)

    @pytest.mark.parametrize("revision", [None, "master", COMMIT])
    @pytest.mark.parametrize("name", ["iic/emotion2vec_base", "damo/emotion2vec"])
    def test_a_name_of_modelscope_is_known_as_one(
        self, name: str, revision: str | None, hub: Hub
    ) -> None:
        hub.refusal = "RepoNotFound"
        message = rf"'{name}'.* ModelScope.*Download it .*'emotion2vec/emotion2vec_base'"
        with pytest.raises(ProjectError, match=message):
            checkpoint_folder(name, revision)
