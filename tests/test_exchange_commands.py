"""`stores export` and `stores import` as commands, and files of features in a pipeline."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from app.paths import labels_path, manifest_path
from cli import cli
from features.errors import ProjectError
from features.foreign.decode import path_digest
from features.manifest import read_labels, read_utterances
from features.specs.tracks import store_path
from features.store.reader import Store
from features.store.verify import verify
from tests.conftest import ROOT
from tests.exchange_world import EMOTIONS, IDS, LENGTHS, SPLITS, TEXTS, make_project
from tests.foreign_files import TRACKS, mmsa, write_mmin, write_pickle

pytestmark = pytest.mark.slow

PARAMS = """
extract: {dtype: float16, part_bytes: 1000000, threads: 1, max_failed: 0}
synthetic: {}
corpora:
  theirs: {code: imported, root: data/raw, format: mmsa, path: mosi.pkl}
backbones:
  words: {code: imported, format: mmsa, path: data/raw/mosi.pkl, modality: text}
  voice: {code: imported, format: mmsa, path: data/raw/mosi.pkl, modality: audio, rate_hz: 20}
tracks:
  theirs-words: {corpus: theirs, backbone: words}
  theirs-voice: {corpus: theirs, backbone: voice}
continued: {}
transfers: {}
heads:
  main:
    code: probe
    corpus: theirs
    inputs: {text: words, audio: voice, video: none}
    tasks: {sentiment: {}}
    choose_by: weighted_f1
"""


def run(*command: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in command], catch_exceptions=True)


def done(*command: object) -> str:
    result = run(*command)
    assert result.exception is None, result.output + repr(result.exception)
    return result.output


def refused(*command: object) -> str:
    result = run(*command)
    assert isinstance(result.exception, ProjectError), result.output + repr(result.exception)
    return str(result.exception)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERMAFROST_PARTS", raising=False)
    make_project(modalities=("audio", "text"))
    return tmp_path


def test_an_exported_store_is_what_its_documentation_says(project: Path) -> None:
    said = done("stores", "export", "c/net-audio", "--to", "hdf5", "out.h5")
    assert "out.h5: 5 tracks of 6 utterances as hdf5" in said
    store = Store(store_path("c", "net-audio"))
    with h5py.File("out.h5") as file:
        assert sorted(file["tracks"]) == sorted(n for n, t in zip(IDS, LENGTHS, strict=True) if t)
        track = file["tracks"][IDS[3]]
        assert (track.shape, track.dtype) == ((7, 5), np.float16)
        assert np.array_equal(track[()], store.track(3)[0])
        assert file["ids"].asstr()[:].tolist() == list(IDS)
        assert file["split"].asstr()[:].tolist() == list(SPLITS)
        assert file["labels/emotion"].asstr()[:].tolist() == [name or "" for name in EMOTIONS]
        assert dict(file.attrs)["modality"] == "audio" and file.attrs["rate_hz"] == 25
        assert file.attrs["dim"] == 5 and json.loads(file.attrs["backbone"]) == {"code": "x"}
        assert file.attrs["recipe"] == "r" and file.attrs["digest"] == store.attributes["digest"]
    assert [path.name for path in project.iterdir() if path.name.startswith(".out")] == []


def test_an_imported_store_is_the_one_that_was_exported() -> None:
    done("stores", "export", "c/net-text", "--to", "parquet", "out.parquet")
    said = done("stores", "import", "auto", "out.parquet", "d/back")
    assert "parquet, 6 utterances" in said and "splits: train 3, dev 2, test 1" in said
    assert "d/back: 5 tracks, 1 known-bad" in said
    store, back = Store(store_path("c", "net-text")), Store(store_path("d", "back"))
    assert back.ids == store.ids and back.reasons == store.reasons
    assert back.attributes["modality"] == "text" and back.attributes["layers"] == [4]
    for row in range(len(IDS)):
        assert np.array_equal(back.track(row), store.track(row))
    assert verify(Path(back.path)) == []
    assert read_labels(labels_path("d")) == read_labels(labels_path("c"))
    assert [u.text for u in read_utterances(manifest_path("d"))] == [t or None for t in TEXTS]


def test_a_file_is_imported_for_the_utterances_of_a_corpus_that_is_there() -> None:
    done("stores", "export", "c/net-audio", "--to", "npz", "out.npz")
    said = done("stores", "import", "npz", "out.npz", "c/again")
    assert "data/c/manifest.jsonl exists; its utterances are looked up in out.npz" in said
    assert Store(store_path("c", "again")).ids == list(IDS)
    write_mmin(Path("other.h5"))
    message = refused("stores", "import", "hdf5", "other.h5", "c/other", "--modality", "audio")
    assert "other.h5 has none of the utterances of data/c/manifest.jsonl: the file's ids" in message
    assert not store_path("c", "other").exists()


def test_ids_are_brought_together_by_a_pattern() -> None:
    write_mmin(Path("other.h5"))
    done("stores", "import", "hdf5", "other.h5", "m/one", "--modality", "audio")
    with h5py.File("renamed.h5", "w") as file:
        for name, track in TRACKS.items():
            file[name.replace("dia", "d").replace("_utt", "-u")] = track
    pattern = r"d(?:ia)?(\d+)[-_]u(?:tt)?(\d+)"
    options = ("--modality", "audio", "--id-pattern", pattern)
    done("stores", "import", "hdf5", "renamed.h5", "m/two", *options)
    one, two = (Store(store_path("m", name)) for name in ("one", "two"))
    assert one.ids == two.ids == sorted(TRACKS)
    assert all(np.array_equal(one.track(row), two.track(row)) for row in range(3))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("export", "c/net-audio", "--to", "hdf", "x.h5"), "no format 'hdf'.* Did you mean 'hdf5'"),
        (("export", "c/net-audio", "--to", "torch", "x.pt"), "'torch' can only be imported"),
        (("export", "c/net", "--to", "npz", "x"), "no store 'c/net' .* Did you mean 'c/net-text'?"),
        (("export", "c/net-audio", "c/net-text", "--to", "npz", "x"), "npz takes one store, not 2"),
        (("export", "c/net-audio", "--to", "npz", "no/x"), "no is not a folder; make it first"),
        (("export", "c/net-audio", "--to", "npz", "data"), "data exists; give another name"),
        (("export", "c/net-audio", "--to", "pooled", "x"), "call it x.csv"),
        (("export", "c/net-audio", "--to", "npz", "x", "--packed"), "--packed is for hdf5 only"),
        (("export", "c/net-audio", "--to", "npz", "x", "--layer", "3"), "--layer is 3, and c/net"),
        (("import", "auto", "x", "d/e"), "x does not exist"),
        (("import", "auto", "params.txt", "d/e"), "params.txt has no known format"),
        (("import", "auto", "x", "d"), "'d' is not CORPUS/NAME"),
        (("import", "auto", "x", "c/net-text"), "the store c/net-text exists; choose another name"),
    ],
)  # fmt: skip
def test_wrong_commands_say_what_would_be_right(command: tuple[str, ...], message: str) -> None:
    Path("params.txt").write_text("hello")
    with pytest.raises(ProjectError, match=message):
        raise ProjectError(refused("stores", *command))


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(project)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    message = refused("stores", "export", "c/net-audio", "--to", "npz", "out.npz")
    assert "out.npz would need 0 MB, and the disk has 0 MB left" in message
    assert not Path("out.npz").exists()


def test_an_export_that_is_interrupted_leaves_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from features.exchange import npz

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(npz, "_add", interrupted)
    assert run("stores", "export", "c/net-audio", "--to", "npz", "out.npz").exit_code == 1
    assert sorted(path.name for path in project.iterdir()) == ["data", "features"]


def test_a_hostile_utterance_costs_itself_alone() -> None:
    tracks = {
        "bad": np.full((2, 3), np.nan),
        "worse": np.full((2, 3), 1e30),
        "good": np.ones((2, 3)),
    }
    write_pickle(Path("x.pkl"), tracks)
    said = done(
        "stores", "import", "pickle", "x.pkl", "e/x", "--modality", "audio", "--dtype", "float16"
    )
    assert "e/x: 1 track, 1 beyond-float16, 1 not-finite" in said
    store = Store(store_path("e", "x"))
    assert store.track(store.rows["good"]).tolist() == [[[1.0] * 3] * 2]
    assert store.reasons == ["not-finite", "beyond-float16", "ok"]


def test_the_ways_in_which_a_colleague_opens_it_work() -> None:
    for form, name in (("hdf5", "minilm.h5"), ("npz", "minilm.npz"), ("parquet", "minilm.parquet")):
        done("stores", "export", "c/net-text", "--to", form, name)
    page = (ROOT / "docs" / "how-to" / "exchange.md").read_text().replace("d000-u0", IDS[0])
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(snippets) == 3
    namespace: dict[str, Any] = {}
    for snippet in snippets:
        exec(snippet, namespace)
        if "track" in namespace:
            assert namespace.pop("track").shape == (3, 5)
    assert namespace["emotions"][IDS[2]] == "anger"
    assert np.stack(namespace["frame"].track[0]).shape == (3, 5)


def test_a_file_of_features_is_a_corpus_and_two_backbones_and_decoded_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path("data/raw")
    root.mkdir()
    write_pickle(root / "mosi.pkl", mmsa())
    Path("params.yaml").write_text(PARAMS)
    said = done("manifest", "theirs")
    assert "MMSA: 6 utterances (train 3, dev 1, test 2), text, audio, video" in said
    for track in ("theirs-words", "theirs-voice"):
        assert "6 tracks" in done("extract", track)
    assert len(list(Path("features/cache/.parts/imported").iterdir())) == 2  # it and its lock
    voice = Store(store_path("theirs", "voice"))
    assert voice.lengths.tolist() == [1, 2, 3, 1, 1, 2] and voice.attributes["rate_hz"] == 20
    assert "path" not in voice.attributes["backbone"]
    tracked = read_utterances(manifest_path("theirs"))[0].features
    assert set(tracked) == {"imported words", "imported voice"}
    assert tracked["imported words"].path == "mosi.pkl"
    assert "test sentiment" in done("train", "main")
    first = voice.attributes["digest"]
    changed = mmsa()
    write_pickle(root / "mosi.pkl", changed)
    done("manifest", "theirs")
    assert read_utterances(manifest_path("theirs"))[0].features != tracked
    done("extract", "theirs-voice")
    assert Store(store_path("theirs", "voice")).attributes["digest"] != first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{code: imported, format: hdf5}", "theirs.path is missing; imported features need format"),
        ("{code: imported, path: x.h5}", "theirs.format is missing; imported"),
        ("{code: imported}", "theirs.modality is missing; imported features need modality and fea"),
        ("{code: imported, format: hdf5, path: x, dim: 3}", "theirs.dim is not used with format"),
        ("{code: imported, format: hdf6, path: x}", "theirs.format is 'hdf6'; it must be one of"),
    ],
)
def test_settings_of_an_import_are_checked_when_params_are_read(
    settings: str, message: str
) -> None:
    text = PARAMS.replace("theirs-words:", "t:").replace("words: {code", "theirs: {code")
    start, end = (
        text.index("theirs: {code: imported, format: mmsa, path: data"),
        text.index("  voice:"),
    )
    Path("params.yaml").write_text(text[:start] + f"theirs: {settings}\n" + text[end:])
    with pytest.raises(ProjectError, match=message):
        raise ProjectError(refused("check"))


def test_another_file_than_the_stated_digest_is_refused() -> None:
    done("stores", "export", "c/net-audio", "--to", "hdf5", "out.h5")
    text = PARAMS.replace("format: mmsa, path: mosi.pkl", "format: hdf5, path: out.h5")
    text = text.replace(
        "{code: imported, format: mmsa, path: data/raw/mosi.pkl, modality: text}",
        "{code: imported, format: hdf5, path: out.h5, digest: abc}",
    ).replace("{corpus: theirs, backbone: words}", "{corpus: c, backbone: words}")
    text = text.replace("theirs: {code", "c: {code").replace("root: data/raw", "root: .")
    start = text.index("  voice:")
    text = text[:start] + text[text.index("tracks:") :]
    text = text.replace("  theirs-voice: {corpus: theirs, backbone: voice}\n", "")
    Path("params.yaml").write_text(text[: text.index("heads:")] + "heads: {}\n")
    message = refused("extract", "theirs-words")
    assert "out.h5 is not the file that params.yaml names: its digest is " in message
    digest = message.split("its digest is ")[1].split(",")[0]
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("abc", f"'{digest}'"))
    assert "digest" not in done("extract", "theirs-words")


def test_an_export_replaces_nothing_but_an_export(project: Path) -> None:
    work = project / "work"
    work.mkdir()
    (work / "thesis.tex").write_text("years")
    message = refused("stores", "export", "c/net-audio", "--to", "npy-tree", "work", "--force")
    assert "work is a folder of other files" in message and (work / "thesis.tex").exists()
    message = refused("stores", "export", "c/net-audio", "--to", "hdf5", "work", "--force")
    assert "work is a folder, which hdf5 does not write" in message
    done("stores", "export", "c/net-audio", "--to", "npy-tree", "tree")
    done("stores", "export", "c/net-text", "--to", "npy-tree", "tree", "--force")
    assert '"modality": "text"' in (project / "tree/attributes.json").read_text()


def test_a_modality_that_contradicts_the_file_is_refused() -> None:
    done("stores", "export", "c/net-audio", "--to", "hdf5", "out.h5")
    message = refused("stores", "import", "hdf5", "out.h5", "d/x", "--modality", "text")
    assert "modality is 'text', but out.h5 says that its tracks are audio" in message
    assert not labels_path("d").exists()


def test_a_link_in_the_folder_of_a_corpus_is_in_it(project: Path) -> None:
    (project / "far").mkdir()
    write_pickle(project / "far/mosi.pkl", mmsa())
    root = project / "data/raw"
    root.mkdir()
    (root / "mosi.pkl").symlink_to(project / "far/mosi.pkl")
    Path("params.yaml").write_text(PARAMS)
    done("manifest", "theirs")
    assert "imported words" in read_utterances(manifest_path("theirs"))[0].features


def test_a_file_that_dvc_does_not_see_is_named_with_its_digest(project: Path) -> None:
    (project / "far").mkdir()
    write_pickle(project / "far/mosi.pkl", mmsa())
    (project / "data/raw").mkdir()
    shutil.copy(project / "far/mosi.pkl", project / "data/raw/mosi.pkl")
    text = PARAMS.replace("path: data/raw/mosi.pkl, modality: text", "path: far/mosi.pkl")
    text = text.replace("path: far/mosi.pkl}", "path: far/mosi.pkl, modality: text}")
    Path("params.yaml").write_text(text)
    done("manifest", "theirs")
    said = done("extract", "theirs-words")
    digest = path_digest(project / "far/mosi.pkl")
    assert f"add 'digest: {digest}' to backbones.words" in said
    assert "digest" not in done("extract", "theirs-voice")
    Path("params.yaml").write_text(
        text.replace("modality: text", f"digest: '{digest}', modality: text")
    )
    assert "digest" not in done("extract", "theirs-words")


def test_the_recipe_on_a_file_of_mmsa_extracts_every_track() -> None:
    shutil.copy(ROOT / "recipes/mosi-mmsa.yaml", "params.yaml")
    folder = Path("data/raw/mosi-mmsa")
    folder.mkdir(parents=True)
    write_pickle(folder / "unaligned_50.pkl", mmsa())
    done("manifest", "mosi")
    for name, width in (("their-text", 4), ("their-audio", 3), ("their-video", 2)):
        assert "6 tracks" in done("extract", f"mosi-{name}")
        assert Store(store_path("mosi", name)).attributes["dim"] == width
    splits = [label.split for label in read_labels(labels_path("mosi"))]
    assert splits == ["train"] * 3 + ["dev"] + ["test"] * 2
