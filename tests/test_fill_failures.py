"""Filling stores: failures, faulty networks, little memory, and faults at every write."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from extract.backbones import log_mel
from extract.corpus.read import read_corpus
from extract.fill.part_writer import track_fault
from features.errors import ProjectError
from features.manifest import Utterance
from features.specs.tracks import ExtractSpec
from features.store.reader import Store
from features.store.verify import verify
from tests.fill_world import MINILM, SMALL, Faulty, World


@pytest.fixture
def world(tmp_path: Path, own_demo: Path) -> World:
    return World(tmp_path, own_demo)


def test_memory_is_bounded_by_runs_within_a_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Faulty().extract(world, ExtractSpec())
    before = world.tree()
    shutil.rmtree(world.pool.folder)
    monkeypatch.setattr("extract.fill.part_maker.RUN_BYTES", 100_000)
    network = Faulty()
    network.extract(world, ExtractSpec())
    assert world.tree() == before  # a spectrogram is bit-equal in any batch
    assert len(network.num_windows) >= 8  # 32 clips of 64 kB: no more than two or three at a time


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
            match=r"1 utterances cannot be encoded, but only 0 may fail: d000-u0 \(missing\)",
        ):
            world.extract()
        assert not world.path.exists()

    def test_allowed_failures_are_recorded_with_their_reason(self, world: World) -> None:
        (world.corpus.root / "audio/d001-u3.wav").write_bytes(b"RIFF not audio")
        world.manifest = read_corpus(world.corpus).utterances
        world.manifest[0] = replace(world.manifest[0], audio="audio/gone.wav", audio_digest=None)
        filled = world.extract(replace(SMALL, max_failed=2))
        store = Store(world.path)
        assert store.reasons[store.rows["d000-u0"]] == "missing"
        assert store.reasons[store.rows["d001-u3"]] == "undecodable"
        assert store.lengths[0] == 0 and filled.reasons["ok"] == 30

    def test_raising_the_limit_resumes_at_once(self, world: World) -> None:
        world.manifest[0] = replace(world.manifest[0], audio="audio/gone.wav", audio_digest=None)
        with pytest.raises(ProjectError):
            world.extract()
        assert world.extract(replace(SMALL, max_failed=1)).num_made == 0

    @pytest.mark.parametrize(
        ("spec", "reason"),
        [({"max_duration_s": 1.05}, "too-long"), ({"max_media_bytes": 33_000}, "too-large")],
    )
    def test_limits_are_reasons(self, world: World, spec: dict[str, Any], reason: str) -> None:
        filled = world.extract(replace(SMALL, max_failed=32, **spec))
        assert 0 < filled.reasons[reason] <= 32

    def test_known_bad_media_are_no_failure_but_recorded(self, world: World) -> None:
        world.manifest[5] = replace(world.manifest[5], known_bad="the file is silent")
        assert world.extract().reasons["known-bad"] == 1
        assert Store(world.path).reasons[5] == "known-bad"

    def test_an_empty_text_has_no_track_and_is_no_failure(
        self, tmp_path: Path, demo_root: Path
    ) -> None:
        world = World(tmp_path, demo_root, MINILM)
        world.manifest[2] = replace(world.manifest[2], text="  ")
        assert world.extract().reasons["empty"] == 1

    def test_a_part_without_any_track_has_no_chunk(self, world: World) -> None:
        world.manifest = [replace(u, known_bad="all of them") for u in world.manifest]
        world.extract()
        assert verify(world.path) == []
        assert not list(world.path.glob("parts/*/c"))

    def test_a_corpus_without_the_modality_is_refused(self, world: World) -> None:
        world.manifest = [Utterance(u.id, text=u.text) for u in world.manifest]
        with pytest.raises(ProjectError, match="the corpus 'demo' has no audio"):
            world.extract()

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


class TestFaultyNetworks:
    def test_a_part_beyond_the_memory_is_made_again_with_half_the_budget(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Faulty().extract(world)
        expected = world.tree()
        shutil.rmtree(world.pool.folder)
        small = Faulty(memory_steps=700)
        filled = small.extract(world)
        assert "32 utterances in" in filled.speed  # none is counted twice
        assert world.tree() == expected and small.refused
        printed = capsys.readouterr().err
        budgets = [int(number) for number in re.findall(r"with a budget of (\d+) steps", printed)]
        full = log_mel.tiny().budget
        assert budgets == [full // 2**n for n in range(1, len(budgets) + 1)]
        records = [json.loads(path.read_text()) for path in world.pool.folder.glob("*/*.json")]
        used = {record["part"]["made_with"]["budget"] for record in records}
        assert str(budgets[-1]) in used and used <= {str(full), *map(str, budgets)}

    def test_a_window_that_does_not_fit_alone_says_what_to_do(self, world: World) -> None:
        with pytest.raises(
            ProjectError, match=r"one window of \d+ steps does not fit.*--device cpu"
        ):
            Faulty(memory_steps=90).extract(world)
        assert not world.path.exists()

    def test_a_value_that_is_not_finite_names_its_utterance(self, world: World) -> None:
        world.extract()
        longest = int(Store(world.path).lengths.argmax())
        steps, name = int(Store(world.path).lengths[longest]), world.manifest[longest].id
        shutil.rmtree(world.pool.folder)
        shutil.rmtree(world.path)
        with pytest.raises(ProjectError, match=rf"{name} \(not-finite\).*weights are intact"):
            Faulty(bad_steps=steps).extract(world)
        assert not world.path.exists()


class Crash(Exception):
    """Simulates a kill at one system call."""


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_a_fault_at_any_write_leaves_no_false_store_and_is_resumed(
    call: str, world: World, tmp_path: Path, own_demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = World(tmp_path / "reference", own_demo)
    reference.extract()
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
            world.extract()
            finished = True
        except Crash:
            finished = False
        monkeypatch.undo()
        if finished:
            break
        tried += 1
        assert not world.path.exists() or verify(world.path) == []
        world.extract()
        assert world.tree() == expected
        point += 1 if call != "fsync" else 4
    assert tried >= 1
