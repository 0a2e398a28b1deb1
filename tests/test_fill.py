"""Filling stores: resumption, equal bytes, what makes a part again."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from app.tables import mostly_unknown
from extract.backbones import hf_text, log_mel
from extract.corpus.read import read_corpus
from extract.plan.recipe import described_backbone, store_header
from features.errors import ProjectError
from features.specs.tracks import CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify
from tests.conformance import is_same
from tests.fill_world import MEL, MINILM, SMALL, World


@pytest.fixture
def world(tmp_path: Path, own_demo: Path) -> World:
    return World(tmp_path, own_demo)


def test_a_store_holds_every_utterance_with_its_true_length(world: World) -> None:
    filled = world.extract()
    store = Store(world.path)
    assert filled.num_parts == filled.num_made > 2
    assert store.ids == [u.id for u in world.manifest]
    assert (store.lengths > 90).all() and store.reasons == ["ok"] * 32
    assert verify(world.path) == []


def test_the_second_run_finds_every_part_done(world: World) -> None:
    world.extract()
    before = world.tree()
    assert world.extract().num_made == 0
    assert world.tree() == before


def test_a_new_pool_and_another_order_of_events_leave_the_same_bytes(
    world: World, tmp_path: Path, own_demo: Path
) -> None:
    world.extract()
    other = World(tmp_path / "other", own_demo)
    grown = other.manifest
    other.manifest = grown[:16]
    other.extract()
    other.manifest = grown
    other.extract()
    assert other.tree() == world.tree()


def test_parts_that_two_machines_made_are_the_same_store(
    world: World, tmp_path: Path, own_demo: Path
) -> None:
    world.extract()
    shares = [World(tmp_path / f"share-{number}", own_demo) for number in range(2)]
    whole = world.manifest
    for share, manifest in zip(shares, (whole[:16], whole[16:]), strict=True):
        share.manifest = manifest
        share.extract()
    together = shares[0]
    shutil.copytree(shares[1].pool.folder, together.pool.folder, dirs_exist_ok=True)
    together.manifest = whole
    # The borders at which a share begins or ends are its own.
    assert together.extract().num_made <= 2
    assert together.tree() == world.tree()


def test_a_replaced_clip_makes_one_part_again(world: World) -> None:
    world.extract()
    before = world.tree()
    clips = sorted((world.corpus.root / "audio").iterdir())
    shutil.copy(clips[0], clips[20])
    world.manifest = read_corpus(world.corpus).utterances
    assert world.extract().num_made == 1
    changed = {
        name.split("/")[1]
        for name in world.tree().keys() ^ before.keys()
        if name.startswith("parts/")
    }
    assert len(changed) == 2  # the old part and the new one


def test_a_corrected_text_touches_no_audio_part(world: World) -> None:
    world.extract()
    world.manifest = [replace(u, text="corrected") for u in world.manifest]
    assert world.extract().num_made == 0


def test_a_changed_setting_is_never_served_from_old_parts(world: World) -> None:
    first = world.extract()
    world.backbone = replace(MEL, leaf=LeafSpec("log-mel", {"num_bands": 9}))
    assert world.extract().num_made == first.num_parts
    assert world.extract(replace(SMALL, dtype="float32")).num_made == first.num_parts
    assert Store(world.path).dtype == "float32"


def test_a_part_whose_chunk_was_damaged_is_made_again(world: World) -> None:
    world.extract()
    before = world.tree()
    chunk = next(world.pool.folder.glob("*/*.chunk"))
    raw = chunk.read_bytes()
    chunk.unlink()
    chunk.write_bytes(raw[:-1] + b"!")
    assert world.extract().num_made == 1
    assert world.tree() == before


def test_text_tracks_come_with_character_spans(tmp_path: Path, demo_root: Path) -> None:
    world = World(tmp_path, demo_root, MINILM)
    world.extract()
    store = Store(world.path)
    text = world.manifest[0].text
    assert text is not None and store.spans is not None
    words = [text[start:end] for start, end in store.spans[: store.lengths[0]]]
    assert "".join(words) == text.replace(" ", "")


def test_texts_that_the_tokenizer_does_not_know_are_named(tmp_path: Path, demo_root: Path) -> None:
    world = World(tmp_path, demo_root, MINILM)
    for row, text in ((3, "\N{NAZAR AMULET} \N{NAZAR AMULET} no"), (9, "\N{NAZAR AMULET}")):
        world.manifest[row] = replace(world.manifest[row], text=text)
    filled = world.extract()
    assert filled.doubtful["num_unknown"] == (world.manifest[3].id, world.manifest[9].id)
    assert Store(world.path).facts["num_unknown"].sum() == 3
    message = mostly_unknown([*filled.doubtful["num_unknown"], *"abcd"])
    assert message.startswith("texts that are mostly unknown tokens: 6 (")
    assert ", c, ...)" in message


def test_media_that_changed_since_the_manifest_are_never_recorded(world: World) -> None:
    clip = world.corpus.root / "audio/d000-u3.wav"
    kept = clip.read_bytes()
    clip.unlink()
    with pytest.raises(ProjectError, match=r"d000-u3\.wav has been removed since the manifest"):
        world.extract(replace(SMALL, max_failed=32))
    clip.write_bytes((world.corpus.root / "audio/d000-u4.wav").read_bytes())
    with pytest.raises(ProjectError, match=r"d000-u3\.wav has changed since the manifest"):
        world.extract(replace(SMALL, max_failed=32))
    clip.write_bytes(kept)
    assert world.extract().reasons == {"ok": 32}


def test_a_damaged_store_is_published_again(world: World) -> None:
    world.extract()
    before = world.tree()
    index = world.path / "index/start/c/0"
    index.write_bytes(b"x" + index.read_bytes()[1:])
    world.extract()
    assert world.tree() == before


def test_a_write_that_fails_last_is_not_swallowed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Pool, "add", full)
    with pytest.raises(OSError, match="No space left"):
        world.extract(ExtractSpec())  # one part
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


def test_a_setting_that_came_later_renames_no_store_that_does_without_it() -> None:
    backbone: Any = SimpleNamespace(version=1, weights_digest="w", prepare=None)
    options = {"checkpoint": "c", "context_turns": 2}
    described = [
        described_backbone(backbone, replace(MINILM, leaf=LeafSpec("hf-text", more)))
        for more in (
            options, {**options, "keep_context": False, "first_window": False},
            {**options, "keep_context": True}, {**options, "first_window": True},
        )
    ]  # fmt: skip
    assert described[0] == described[1]
    assert all(described[0] != other for other in described[2:])


def test_the_way_that_files_are_decoded_is_in_the_recipe_of_what_reads_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    networks: list[Any] = [(hf_text.tiny(), MINILM), (log_mel.tiny(), MEL)]
    before = [store_header(network, spec, SMALL).recipe for network, spec in networks]
    monkeypatch.setattr("extract.plan.recipe.DECODING", 99)
    after = [store_header(network, spec, SMALL).recipe for network, spec in networks]
    assert after[0] == before[0] and after[1] != before[1]


def test_bfloat16_needs_a_gpu(world: World) -> None:
    with pytest.raises(ProjectError, match="extract.compute is 'bfloat16', which needs a GPU"):
        world.extract(replace(SMALL, compute="bfloat16"))


def tracks_of(world: World) -> list[torch.Tensor]:
    store = Store(world.path)
    return [torch.from_numpy(store.track(row).copy()) for row in range(len(store))]


@pytest.mark.slow
def test_context_turns_are_part_of_a_text_parts_key(tmp_path: Path, demo_root: Path) -> None:
    settings = {**MINILM.leaf.options, "context_turns": 1}
    world = World(tmp_path, demo_root, replace(MINILM, leaf=LeafSpec("hf-text", settings)))
    # float32: stored tracks are then equal within the bounds of the contract, in any batch.
    small = replace(SMALL, part_bytes=1, dtype="float32")
    world.extract(small)
    before = tracks_of(world)
    last = next(n for n in range(1, 32) if world.manifest[n + 1].turn == 0)
    world.manifest[last] = replace(world.manifest[last], text="no turn reads this")
    assert world.extract(small).num_made == 1
    world.manifest[0] = replace(world.manifest[0], text="the next turn reads this")
    assert world.extract(small).num_made == 1  # a dialogue is one part at least
    after = tracks_of(world)
    assert [n for n in range(32) if not is_same(after[n], before[n])] == [0, 1, last]


def test_the_same_corpus_gives_the_same_manifest_twice(own_demo: Path) -> None:
    spec = CorpusSpec("demo", own_demo, LeafSpec("demo", {}))
    assert read_corpus(spec) == read_corpus(spec)
    assert np.unique([u.audio_digest for u in read_corpus(spec).utterances]).size == 32
