"""The track store: format, publishing, reading."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr

from features.drafts import locked
from features.errors import ProjectError
from features.store import reader
from features.store.arrays import open_store, read_array, write_array
from features.store.format import chunk_blocks, crc32c
from features.store.pool import Part, Pool
from features.store.publish import Header, publish, publish_empty
from features.store.reader import Store
from features.store.verify import verify

LAYERS, DIM = 2, 5
LENGTHS = ((3, 0, 4), (1,), (0, 0), (2, 6))


def header(**changes: object) -> Header:
    values = {"recipe": "r", "backbone": {"code": "x"}, "modality": "text", "dim": DIM}
    return Header(**{**values, "layers": (1, 4), "dtype": "float16", **changes})  # type: ignore[arg-type]


def add_part(pool: Pool, number: int, lengths: tuple[int, ...]) -> Part:
    steps = sum(lengths)
    values = np.random.default_rng(number).normal(size=(LAYERS, steps, DIM)).astype(np.float16)
    return pool.add(
        values,
        key=f"{number:02d}abc",
        ids=tuple(f"é{number}-{n}" for n in range(len(lengths))),
        inputs=tuple("i" for _ in lengths),
        lengths=lengths,
        reasons=tuple("ok" if length else "missing" for length in lengths),
        spans=tuple((n, n + 1) for n in range(steps)),
        made_with={"device": "cpu"},
    )


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path / "pool")


@pytest.fixture
def store_path(tmp_path: Path, pool: Pool) -> Path:
    path = tmp_path / "cache" / "corpus" / "net.zarr"
    publish(path, header(), [add_part(pool, n, lengths) for n, lengths in enumerate(LENGTHS)], pool)
    return path


def tree(path: Path) -> dict[str, bytes]:
    return {f.relative_to(path).as_posix(): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def test_a_chunk_is_the_raw_values_and_four_bytes(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    write_array(zarr.create_group(tmp_path), "a", values)
    raw = (tmp_path / "a/c/0/0").read_bytes()
    assert raw[:-4] == values.tobytes()
    assert int.from_bytes(raw[-4:], "little") == crc32c(values)
    assert crc32c(np.frombuffer(b"123456789", np.uint8)) == 0xE3069283


@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "int64", "uint8"])
def test_plain_zarr_reads_what_we_write(tmp_path: Path, dtype: str) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    write_array(zarr.create_group(tmp_path), "a", values)
    assert np.array_equal(zarr.open_array(tmp_path / "a", mode="r")[:], values)
    again = read_array(open_store(tmp_path), "a", crc32c(values), tmp_path)
    assert np.array_equal(again, values)


def test_an_all_zero_array_is_written_like_any_other(tmp_path: Path) -> None:
    write_array(zarr.create_group(tmp_path), "a", np.zeros((2, 2), np.float16))
    assert (tmp_path / "a/c/0/0").stat().st_size == 8 + 4


def test_the_store_opens_in_plain_zarr_and_equals_our_reader(store_path: Path) -> None:
    group = zarr.open_group(store_path, mode="r")
    store = Store(store_path)
    for row in range(len(store)):
        key = group.attrs["parts"][int(group["index/part"][row])]["key"]  # type: ignore[index,call-overload]
        start, length = int(group["index/start"][row]), int(group["index/length"][row])  # type: ignore[index,arg-type]
        plain = group[f"parts/{key}"][:, start : start + length]  # type: ignore[index]
        assert np.array_equal(plain, store.track(row))
    assert len(store) == 8


def test_the_index_holds_ids_reasons_and_spans(store_path: Path) -> None:
    store = Store(store_path)
    assert store.ids == ["é0-0", "é0-1", "é0-2", "é1-0", "é2-0", "é2-1", "é3-0", "é3-1"]
    assert store.rows["é3-1"] == 7
    assert store.lengths.tolist() == [3, 0, 4, 1, 0, 0, 2, 6]
    assert [r == "ok" for r in store.reasons] == [n > 0 for n in store.lengths]
    assert store.spans is not None and store.spans.shape == (16, 2)
    assert store.spans[7].tolist() == [0, 1]  # the first step of the second part


def test_reading_several_rows_packs_them_in_that_order(store_path: Path) -> None:
    store = Store(store_path)
    rows = [7, 1, 0, 3]
    assert np.array_equal(store.read(rows), np.concatenate([store.track(r) for r in rows], axis=1))
    assert store.read([1, 4]).shape == (LAYERS, 0, DIM)


def test_tracks_are_read_only_views(store_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        Store(store_path).track(0)[:] = 1


def test_only_a_bounded_number_of_chunks_is_mapped(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_MAPS", 1)
    store = Store(store_path)
    before = [np.array(store.track(row)) for row in range(8)]
    assert all(np.array_equal(a, store.track(row)) for row, a in enumerate(before))
    assert len(store._maps) == 1


def test_only_a_bounded_number_of_bytes_is_mapped(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_MAPPED_BYTES", 1)
    store = Store(store_path)
    before = [np.array(store.track(row)) for row in range(8)]
    assert all(np.array_equal(a, store.track(row)) for row, a in enumerate(before))
    assert len(store._maps) == 1
    (mapped,) = store._maps.values()
    assert store._mapped_bytes == mapped.nbytes


def test_publishing_twice_changes_nothing(store_path: Path, pool: Pool) -> None:
    before, inode = tree(store_path), store_path.stat().st_ino
    parts = [add_part(pool, n, lengths) for n, lengths in enumerate(LENGTHS)]
    publish(store_path, header(), parts, pool)
    assert tree(store_path) == before
    assert store_path.stat().st_ino == inode


def test_publishing_other_content_replaces_the_store(store_path: Path, pool: Pool) -> None:
    publish(store_path, header(recipe="other"), [add_part(pool, 9, (2,))], pool)
    assert Store(store_path).ids == ["é9-0"]
    assert verify(store_path) == []
    assert [p.name for p in store_path.parent.glob("[!.]*")] == ["net.zarr"]
    assert not list(store_path.parent.glob(".*.tmp"))


def test_published_chunks_share_their_bytes_with_the_pool(store_path: Path, pool: Pool) -> None:
    assert (store_path / "parts/00abc/c/0/0/0").samefile(pool.chunk_path("00abc"))


def test_metadata_names_no_time_host_or_version(store_path: Path) -> None:
    text = (store_path / "zarr.json").read_text()
    assert "cpu" not in text and os.uname().nodename not in text and zarr.__version__ not in text


def test_a_corpus_has_a_real_empty_store(tmp_path: Path, pool: Pool) -> None:
    publish_empty(tmp_path / "none.zarr", ["a", "b"], pool)
    store = Store(tmp_path / "none.zarr")
    assert store.ids == ["a", "b"]
    assert store.lengths.tolist() == [0, 0]
    assert store.reasons == ["absent", "absent"]
    assert verify(tmp_path / "none.zarr") == []


def test_an_older_schema_is_refused(store_path: Path) -> None:
    root = json.loads((store_path / "zarr.json").read_text())
    root["attributes"]["schema"] = 0
    (store_path / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(
        ProjectError, match=r"another version .* \(store schema 0\); run 'dvc repro'"
    ):
        Store(store_path)


def test_a_part_that_is_replaced_or_deleted_is_not_published(tmp_path: Path, pool: Pool) -> None:
    part = add_part(pool, 0, (2,))
    chunk = pool.chunk_path(part.key)
    values = np.zeros((LAYERS, 2, DIM), np.float16)
    chunk.write_bytes(b"".join(bytes(block) for block in chunk_blocks(values)))
    with pytest.raises(ProjectError, match="was replaced while it was published; run the same"):
        publish(tmp_path / "s.zarr", header(), [part], pool)
    chunk.unlink()
    with pytest.raises(ProjectError, match="was deleted while it was published; run the same"):
        publish(tmp_path / "s.zarr", header(), [part], pool)
    assert not (tmp_path / "s.zarr").exists()


@pytest.mark.parametrize("content", ["[]", '{"zarr_format": 3, "node_type": "group"}', "{}"])
def test_what_is_not_a_track_store_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "zarr.json").write_text(content)
    with pytest.raises(ProjectError, match=r"zarr\.json cannot be read|not have the attributes"):
        Store(tmp_path)


def test_two_parts_of_equal_size_cannot_be_exchanged(tmp_path: Path, pool: Pool) -> None:
    path = tmp_path / "s.zarr"
    publish(path, header(), [add_part(pool, 4, (3, 2)), add_part(pool, 5, (1, 4))], pool)
    first, second = (path / f"parts/0{n}abc/c/0/0/0" for n in (4, 5))
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    with pytest.raises(ProjectError, match="parts/04abc/c/0/0/0 is not the file that the store"):
        Store(path).track(0)


@pytest.mark.parametrize("name", ["id_bytes", "length", "reason", "span"])
def test_the_index_of_another_store_is_refused(
    store_path: Path, tmp_path: Path, pool: Pool, name: str
) -> None:
    other = tmp_path / "other.zarr"
    parts = [add_part(pool, 20 + n, lengths[::-1]) for n, lengths in enumerate(LENGTHS)]
    publish(other, header(), parts, pool)
    replaced = store_path / "index" / name
    if name == "span":  # spans of equal steps are equal
        spans = zarr.open_array(replaced, mode="r")[...]
        shutil.rmtree(replaced)
        write_array(zarr.open_group(store_path / "index"), name, np.asarray(spans)[::-1])
    elif name == "reason":
        shutil.rmtree(replaced)
        write_array(zarr.open_group(store_path / "index"), name, np.zeros(8, np.uint8))
    else:
        shutil.rmtree(replaced)
        shutil.copytree(other / "index" / name, replaced)
    with pytest.raises(ProjectError, match=f"index/{name} is not the array that the store"):
        Store(store_path)


def test_a_changed_root_is_refused_and_the_message_heals_it(tmp_path: Path, pool: Pool) -> None:
    path = tmp_path / "demo" / "net.zarr"
    publish(path, header(), [add_part(pool, 0, (2,))], pool)
    text = (path / "zarr.json").read_text()
    changes = {'"dim": 5': '"dim": 4', '"num_steps": 2': '"num_steps": 1', '"text"': '"test"'}
    for old, new in changes.items():
        assert old in text
        (path / "zarr.json").write_text(text.replace(old, new))
        with pytest.raises(ProjectError, match="not as it was written.* stores heal demo/net'"):
            Store(path)


def test_a_store_that_is_published_again_while_it_is_read_is_named(
    store_path: Path, pool: Pool
) -> None:
    store = Store(store_path)
    before = np.array(store.track(0))
    publish(store_path, header(recipe="other"), [add_part(pool, 9, (2,))], pool)
    assert np.array_equal(store.track(0), before) and store.ids[0] == "é0-0"
    assert store.facts == {} and store.spans is not None and store.reasons[1] == "missing"
    for read in (lambda: store.track(7), store.refuse_replaced):
        with pytest.raises(ProjectError, match="published again while it was read; run the same"):
            read()


def test_a_reader_waits_while_a_store_is_replaced(store_path: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        with locked(store_path):
            store_path.rename(tmp_path / "aside")
            opened = threads.submit(Store, store_path)
            with pytest.raises(TimeoutError):
                opened.result(timeout=0.05)
            (tmp_path / "aside").rename(store_path)
        assert len(opened.result()) == 8
