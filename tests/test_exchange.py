"""Every format that goes out comes back: what it carries is equal, and it carries what it says."""

from pathlib import Path

import numpy as np
import pytest

from features.errors import ProjectError
from features.foreign.recognise import format_leaf, formats, recognised
from tests.conftest import ROOT
from tests.exchange_world import (
    EMOTIONS,
    IDS,
    LENGTHS,
    SPLITS,
    as_json,
    labels,
    make_store,
    texts,
    trip,
)

OUT = [name for name in formats() if hasattr(format_leaf(name), "write")]
ONE_STORE = [name for name in OUT if not getattr(format_leaf(name), "SEVERAL", False)]
POOLED = ("pooled", "arff")
CARRIED = {"lengths", "labels", "splits", "texts", "layers", "number-format", "times"}


def carries(form: str, what: str) -> bool:
    return what in format_leaf(form).CARRIES


@pytest.mark.parametrize("form", formats())
def test_a_format_keeps_the_contract(form: str) -> None:
    leaf = format_leaf(form)
    assert leaf.__doc__ and leaf.SUFFIXES
    assert callable(leaf.recognises) and callable(leaf.read)
    if form in OUT:
        assert set(leaf.CARRIES) <= CARRIED


@pytest.mark.parametrize("form", ONE_STORE)
def test_ids_and_values_come_back(form: str, tmp_path: Path) -> None:
    store = make_store(tmp_path / "s.zarr")
    done = trip(tmp_path, form, store)
    if form in ("npy-lengths", "csd"):  # by split, and by name without those that have no track
        assert sorted(done.back.ids) == sorted(set(IDS) - ({IDS[2]} if form == "csd" else set()))
    else:
        assert done.back.ids == list(IDS)
    for row, name in enumerate(IDS):
        original = store.track(row)
        if form in POOLED:
            steps = original[0].astype(np.float64)
            pooled = np.concatenate([steps.mean(0), steps.std(0)]) if len(steps) else np.zeros(0)
            assert np.allclose(done.track(name).reshape(-1), pooled, rtol=1e-6, atol=1e-7)
        elif name in done.back.ids:
            assert np.array_equal(done.track(name), original.astype(np.float32))
        else:
            assert (form, LENGTHS[row]) == ("csd", 0)


@pytest.mark.parametrize("form", [name for name in ONE_STORE if carries(name, "layers")])
def test_layers_come_back_in_order(form: str, tmp_path: Path) -> None:
    store = make_store(tmp_path / "s.zarr", "text", layers=(3, 6, 7), dim=2)
    done = trip(tmp_path, form, store)
    assert done.back.attributes_of("track")["layers"] == [3, 6, 7]
    for row, name in enumerate(IDS):
        assert np.array_equal(done.track(name), store.track(row).astype(np.float32))
    (tmp_path / "again").mkdir()
    alone = trip(tmp_path / "again", form, store, layer=6)
    assert np.array_equal(alone.track(IDS[3])[0], store.track(3)[1].astype(np.float32))


@pytest.mark.parametrize("form", [name for name in OUT if not carries(name, "layers")])
def test_a_format_of_one_layer_says_so(form: str, tmp_path: Path) -> None:
    store = make_store(tmp_path / "s.zarr", "text", layers=(3, 6))
    if form in POOLED:
        assert trip(tmp_path, form, store).back.tracks("track").dim == 2 * 2 * 5
        return
    with pytest.raises(ProjectError, match="has the layers '3', '6', .* keeps one; .*--layer N"):
        trip(tmp_path, form, {"text": store} if form == "mmsa" else store)


@pytest.mark.parametrize("form", [name for name in ONE_STORE if carries(name, "labels")])
def test_labels_and_splits_come_back(form: str, tmp_path: Path) -> None:
    done = trip(tmp_path, form, make_store(tmp_path / "s.zarr"))
    by_id = dict(zip(done.back.ids, done.back.labels, strict=True))
    for row, label in enumerate(labels()):
        own = by_id[label.id]
        assert own["split"] == label.split
        assert own.get("emotion") == EMOTIONS[row]
        if form == "npy-lengths":
            continue
        assert (own["speaker"], own["dialogue"], own["turn"]) == (
            label.speaker, label.dialogue, label.turn,
        )  # fmt: skip
        assert own.get("valence") == label.valence and own["sentiment"] == label.sentiment
        assert own.get("causes") == as_json(label.causes)
        assert own.get("emotion_votes") == label.emotion_votes


@pytest.mark.parametrize("form", [name for name in ONE_STORE if carries(name, "texts")])
def test_texts_come_back(form: str, tmp_path: Path) -> None:
    done = trip(tmp_path, form, make_store(tmp_path / "s.zarr"))
    assert done.back.texts == [text or None for text in texts()]


@pytest.mark.parametrize("form", [name for name in ONE_STORE if carries(name, "number-format")])
def test_number_formats_are_those_of_the_store(form: str, tmp_path: Path) -> None:
    sizes = {}
    for dtype in ("float16", "float32"):
        folder = tmp_path / dtype
        folder.mkdir()
        store = make_store(folder / "s.zarr", dim=400, dtype=dtype)
        path = trip(folder, form, store).path
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        sizes[dtype] = sum(file.stat().st_size for file in files)
    added = sizes["float32"] - sizes["float16"]
    assert added == pytest.approx(2 * 400 * sum(LENGTHS), rel=0.1)


@pytest.mark.parametrize(
    "form", [name for name in OUT if name not in ("npy-lengths", "csd", "mmsa")]
)
def test_why_a_track_is_missing_comes_back(form: str, tmp_path: Path) -> None:
    done = trip(tmp_path, form, make_store(tmp_path / "s.zarr"))
    row = done.back.ids.index(IDS[2])
    assert done.track(IDS[2]).shape[1] == 0
    assert done.back.reasons[row] == ("absent" if form in POOLED else "known-bad")


def test_mmsa_takes_a_store_of_each_modality(tmp_path: Path) -> None:
    stores = {
        modality: make_store(tmp_path / f"{modality}.zarr", modality, dim=dim)
        for modality, dim in (("text", 4), ("audio", 3), ("video", 2))
    }
    done = trip(tmp_path, "mmsa", stores)
    assert sorted(done.back.ids) == sorted(IDS)
    for field, store in stores.items():
        for row, name in enumerate(IDS):
            assert np.array_equal(done.track(name, field), store.track(row).astype(np.float32))
    by_id = dict(zip(done.back.ids, done.back.labels, strict=True))
    assert [by_id[name]["split"] for name in IDS] == list(SPLITS)
    assert [by_id[name].get("emotion") for name in IDS] == list(EMOTIONS)
    assert by_id[IDS[1]]["causes"] == [IDS[0]]


@pytest.mark.parametrize("layers", [(4,), (1, 2)])
def test_packed_hdf5_has_the_same_content(layers: tuple[int, ...], tmp_path: Path) -> None:
    store = make_store(tmp_path / "s.zarr", layers=layers)
    done = trip(tmp_path, "hdf5", store, packed=True)
    assert done.back.ids == list(IDS) and done.back.reasons[2] == "known-bad"
    for row, name in enumerate(IDS):
        assert np.array_equal(done.track(name), store.track(row).astype(np.float32))


@pytest.mark.parametrize("form", OUT)
def test_a_file_is_recognised_by_its_content(form: str, tmp_path: Path) -> None:
    store = make_store(tmp_path / "s.zarr")
    path = trip(tmp_path, form, {"audio": store} if form == "mmsa" else store).path
    other = path if form == "pooled" else path.rename(tmp_path / "other.bin")
    assert recognised(other) == form
    wrong = "hdf5" if form != "hdf5" else "npz"
    with pytest.raises(ProjectError, match=f"is {form}, not {wrong}; give {form}"):
        recognised(other, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("form", ONE_STORE)
def test_equal_stores_give_equal_bytes(form: str, tmp_path: Path) -> None:
    contents = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = trip(folder, form, make_store(folder / "s.zarr")).path
        files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]


def test_the_page_says_what_each_format_keeps() -> None:
    page = (ROOT / "docs" / "how-to" / "exchange.md").read_text().splitlines()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page if line.startswith("| `")
    ]
    said = {row[0].strip("`"): row for row in rows if len(row) == 5}
    assert set(said) == set(formats())
    for form, (_, _, out, back, kept) in said.items():
        assert (out, back) == ("yes" if form in OUT else "no", "yes")
        assert tuple(filter(None, kept.split(", "))) == getattr(format_leaf(form), "CARRIES", ())
