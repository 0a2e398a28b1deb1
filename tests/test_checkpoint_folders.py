"""Folders of checkpoints: which files of them are read and digested, and which are refused."""

import json
import re
import shutil
from pathlib import Path

import pytest

from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from features.errors import ProjectError

INDEX = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
FILES = {
    "config.json": b"{}", "tokenizer.json": b"{}", "vocab.txt": b"a", "spm.model": b"m",
    "config.yaml": b"y", "README.md": b"never read",
}  # fmt: skip
SHARDS = {
    "model-1.safetensors": b"1", "model-2.safetensors": b"2",
    "model.safetensors.index.json": json.dumps(INDEX).encode(),
}  # fmt: skip


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_hub_name_needs_a_commit() -> None:
    with pytest.raises(ProjectError, match="'bert-base-uncased' is not a folder here.*a commit"):
        checkpoint_folder("bert-base-uncased", "main")


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ProjectError, match="needs the Python package 'no_such_package'"):
        checkpoint_folder("package:no_such_package/model", None)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ProjectError, match=r"has no weights \('emotion2vec_base\.pt', "):
        digest_checkpoint(tmp_path)


class TestDigest:
    """Stores are named after it: it stays what it was before files could be left out of it."""

    @pytest.mark.parametrize(
        ("weights", "digest"),
        [
            (
                "model.safetensors",
                "64d80a74b464a0e8282b78638070ae73932ab3742d4c0d7e0253e7f1e72819fd",
            ),
            (
                "pytorch_model.bin",
                "450144a647642f70576b8ae80ab298df889b1498dab0c74c5c4bbda9057b6692",
            ),
            ("model.pt", "7e18c7f08cf1d77ce99da11e27cbe8c735a368145340513d7df0c2aae70ef10a"),
            ("in shards", "0493d15b6db5cdb09325ad8afb275f91d067a02300770f2ccedaade57aa42fe5"),
        ],
    )
    def test_that_of_an_ordinary_folder_stays(
        self, weights: str, digest: str, tmp_path: Path
    ) -> None:
        files = SHARDS if weights == "in shards" else {weights: b"w"}
        assert digest_checkpoint(write_files(tmp_path, FILES | files)) == digest

    @pytest.mark.parametrize(
        ("weights", "never_read"),
        [
            ("model.safetensors", "model.fp32-00001-of-00002.safetensors"),
            ("model.safetensors", "model.safetensors.index.fp32.json"),
            ("model.safetensors", "adapter_model.safetensors"),
            ("model.safetensors", "pytorch_model.bin"),
            ("pytorch_model.bin", "pytorch_model.generator.bin"),
            ("model.pt", "emotion2vec_base.pt"),
        ],
    )
    def test_what_is_never_read_is_not_in_it(
        self, weights: str, never_read: str, tmp_path: Path
    ) -> None:
        before = digest_checkpoint(write_files(tmp_path, FILES | {weights: b"w"}))
        assert digest_checkpoint(write_files(tmp_path, {never_read: b"anything"})) == before

    def test_what_is_read_is_in_it(self, tmp_path: Path) -> None:
        before = digest_checkpoint(write_files(tmp_path, FILES | SHARDS))
        for name in (set(FILES) | set(SHARDS)) - {"README.md", "model.safetensors.index.json"}:
            changed = write_files(
                tmp_path / f"changed {name}", {**FILES, **SHARDS, name: b"changed"}
            )
            assert digest_checkpoint(changed) != before

    def test_weights_of_a_name_that_the_config_states_are_in_it(self, tmp_path: Path) -> None:
        stated = {"config.json": b'{"transformers_weights": "merged.safetensors"}'}
        files = FILES | stated | {"model.safetensors": b"w", "merged.safetensors": b"w"}
        before = digest_checkpoint(write_files(tmp_path, files))
        other = write_files(tmp_path, {"merged.safetensors": b"changed"})
        assert digest_checkpoint(other) != before


@pytest.mark.parametrize("shard", ["../model.safetensors", "/etc/passwd", "a\\b", "..", "", 3])
def test_a_shard_outside_the_folder_is_refused(shard: object, tmp_path: Path) -> None:
    index = json.dumps({"weight_map": {"a": shard}}).encode()
    write_files(tmp_path, {"config.json": b"{}", "model.safetensors.index.json": index})
    message = re.escape(f"model.safetensors.index.json names {shard!r} as a weight file")
    with pytest.raises(ProjectError, match=message):
        checkpoint_folder(str(tmp_path), None)


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, FILES | SHARDS)
    (tmp_path / "model-2.safetensors").unlink()
    message = r"has 1 of the 2 weight files.*'model-2\.safetensors' are missing"
    with pytest.raises(ProjectError, match=message):
        digest_checkpoint(checkpoint_folder(str(tmp_path), None))


@pytest.mark.parametrize("index", [b"{}", b"[]", b"{"])
def test_an_index_that_names_no_shards_is_said(index: bytes, tmp_path: Path) -> None:
    write_files(tmp_path, {"model.safetensors.index.json": index})
    with pytest.raises(ProjectError, match="index.json does not say which files hold the weights"):
        checkpoint_folder(str(tmp_path), None)


class TestFoldersThatAreNot:
    """Folders in the place of a checkpoint, and files in the place of its files."""

    def test_a_home_folder_is_expanded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        write_files(tmp_path / "net", FILES)
        assert checkpoint_folder("~/net", None) == tmp_path / "net"
        with pytest.raises(ProjectError, match="'~nobody-of-that-name/x' is not a folder here"):
            checkpoint_folder("~nobody-of-that-name/x", None)

    @pytest.mark.parametrize("inside", ["", "snapshots"])
    def test_the_hubs_cache_names_its_snapshots(self, inside: str, tmp_path: Path) -> None:
        cache = tmp_path / "models--someone--network"
        commits = [cache / "snapshots" / (digit * 40) for digit in "ab"]
        for commit in commits:
            commit.mkdir(parents=True)
            write_files(commit, FILES)
        (cache / "blobs").mkdir()
        message = f"is a folder of the hub's cache.*Give '{commits[0]}', '{commits[1]}'"
        with pytest.raises(ProjectError, match=message):
            checkpoint_folder(str(cache / inside), None)
        assert checkpoint_folder(str(commits[0]), None) == commits[0]

    @pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "model-1.safetensors"])
    def test_a_cache_that_was_copied_without_what_its_links_point_to_is_named(
        self, name: str, tmp_path: Path
    ) -> None:
        cache = tmp_path / "cache"
        (cache / "blobs").mkdir(parents=True)
        snapshot = cache / "snapshots" / ("a" * 40)
        snapshot.mkdir(parents=True)
        files = FILES | (SHARDS if name in SHARDS else {"model.safetensors": b"w"})
        write_files(snapshot, files)
        (snapshot / name).rename(cache / "blobs" / "f00")
        (snapshot / name).symlink_to("../../blobs/f00")
        assert checkpoint_folder(str(snapshot), None) == snapshot
        copy = shutil.copytree(snapshot, tmp_path / "copy", symlinks=True)
        message = rf"{name} is a link to '\.\./\.\./blobs/f00', which does not exist.*'cp -rL'"
        with pytest.raises(ProjectError, match=message):
            checkpoint_folder(str(copy), None)

    @pytest.mark.parametrize(
        "name", ["model.safetensors", "pytorch_model.bin", "tokenizer.json", "spm.model"]
    )
    def test_a_pointer_of_git_lfs_is_named(self, name: str, tmp_path: Path) -> None:
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
        write_files(tmp_path, {**FILES, "pytorch_model.bin": b"w", name: pointer})
        with pytest.raises(ProjectError, match=rf"{name} is a Git LFS pointer.*'git lfs pull'"):
            checkpoint_folder(str(tmp_path), None)
