"""Damaged files of features never end in anything but a message or in content."""

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from extract.media.child import Child
from features.errors import ProjectError
from features.foreign.recognise import formats
from features.untrusted.unpickle import read_pickle
from tests import foreign_files as files
from tests.exchange_world import make_store, trip
from tests.fuzz_features import try_damages, try_opcodes

pytestmark = pytest.mark.slow
SHORT, LONG = 60, 1000
LIMIT_S = 20


def good_file(form: str, folder: Path) -> Path:
    """A sound file, or folder, of a format."""
    if form == "dialogues":
        files.write_pickle(folder / "x.pkl", files.graphsmile())
    elif form == "bc-lstm":
        files.write_pickle(folder / "x.pkl", files.bc_lstm())
    elif form == "pickle":
        files.write_pickle(folder / "x.pkl", files.TRACKS)
    elif form == "torch":
        tensors = {name: torch.from_numpy(track) for name, track in files.TRACKS.items()}
        torch.save(tensors, folder / "x.pt")
    else:
        store = make_store(folder / "s.zarr")
        return trip(folder, form, {"audio": store} if form == "mmsa" else store).path
    return next(folder.glob("x.*"))


def damage(form: str, tmp_path: Path, count: int, record: Any) -> None:
    """Each damaged file in a call of its own: some make the HDF5 library loop for ever."""
    path = good_file(form, tmp_path)
    counts: Counter[str] = Counter()
    with Child(LIMIT_S) as child:
        for seed in range(count):
            try:
                seeds = range(seed, seed + 1)
                counts.update(child.call(try_damages, path, form, seeds, tmp_path / "damaged"))
            except ProjectError:  # the limit on time, or on memory outside Python
                counts["stopped"] += 1
    for outcome, number in counts.items():
        record(f"{form}: {outcome}", number)
    assert sum(counts.values()) == count
    assert counts["memory"] + counts["stopped"] <= max(1, count / 50)
    assert counts["refused"] > count / 20


@pytest.mark.parametrize("form", formats())
def test_a_damaged_file_is_refused_or_comes_in(
    form: str, tmp_path: Path, record_property: Any
) -> None:
    damage(form, tmp_path, SHORT, record_property)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("form", formats())
def test_many_damaged_files(form: str, tmp_path: Path, record_property: Any) -> None:
    damage(form, tmp_path, LONG, record_property)


def test_random_opcodes_run_nothing() -> None:
    with Child(600) as child:
        counts = child.call(try_opcodes, range(3000))
    assert sum(counts.values()) == 3000 and counts["refused"] > 2000


NUMBERS = arrays.arrays(
    st.sampled_from(["f4", ">f8", "i2", "u1", "f2"]),
    arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
CONTENT = st.recursive(
    PLAIN | NUMBERS,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    if isinstance(right, np.ndarray) and right.ndim:
        return left.dtype == right.dtype and np.array_equal(
            left, right, equal_nan=right.dtype.kind == "f"
        )
    if isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in right)
    return bool(left == right) or (left != left and right != right)


@given(content=CONTENT, protocol=st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_plain_content_comes_back_from_any_protocol(
    content: Any, protocol: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("p") / "x.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    assert same(read_pickle(path), content)
