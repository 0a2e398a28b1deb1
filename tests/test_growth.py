"""A store that followed any sequence of edits to its corpus equals one that is filled afresh."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.backbones import r3d
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, ExtractSpec, LeafSpec
from tests.fill_world import MEL, MINILM, Faulty, World

pytestmark = pytest.mark.slow

# An edit takes the manifest and a number that chooses where, and returns the new manifest.
Edit = Callable[[list[Utterance], int], list[Utterance]]
PARTS = {
    "log-mel": ExtractSpec(part_bytes=30_000, threads=1),
    "minilm": ExtractSpec(part_bytes=20_000, threads=1),
}


def added(manifest: list[Utterance], number: int) -> list[Utterance]:
    """The clip and words of one utterance once more, in the same dialogue."""
    place = number % len(manifest)
    new = replace(manifest[place], id=f"new-{len(manifest)}-{number}")
    return [*manifest[:place], new, *manifest[place:]]


def removed(manifest: list[Utterance], number: int) -> list[Utterance]:
    place = number % len(manifest)
    return [*manifest[:place], *manifest[place + 1 :]] if len(manifest) > 2 else manifest


def corrected(manifest: list[Utterance], number: int) -> list[Utterance]:
    """Other words."""
    return _changed(manifest, number, text=f"corrected {number}")


def replaced(manifest: list[Utterance], number: int) -> list[Utterance]:
    """The clip of another utterance."""
    other = manifest[(number * 7 + 1) % len(manifest)]
    return _changed(manifest, number, audio=other.audio, audio_digest=other.audio_digest)


def reordered(manifest: list[Utterance], number: int) -> list[Utterance]:
    """The dialogues in another order."""
    names = list(dict.fromkeys(utterance.dialogue for utterance in manifest))
    turned = names[number % len(names) :] + names[: number % len(names)]
    return sorted(manifest, key=lambda utterance: turned.index(utterance.dialogue))


def _changed(manifest: list[Utterance], number: int, **fields: object) -> list[Utterance]:
    place = number % len(manifest)
    changed = replace(manifest[place], **fields)  # type: ignore[arg-type]
    return [*manifest[:place], changed, *manifest[place + 1 :]]


EDITS: list[Edit] = [added, removed, corrected, replaced, reordered]
# Edits of one utterance, and the modality that each of them leaves alone.
SMALL_EDITS = {added: "", removed: "", corrected: "audio", replaced: "text"}


@pytest.mark.parametrize("backbone", [MEL, MINILM], ids=lambda backbone: backbone.name)
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 99)), max_size=4))
def test_any_edits_leave_what_one_run_would(
    backbone: BackboneSpec, demo_root: Path, edits: list[tuple[Edit, int]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name) / "followed", demo_root, backbone)
        world.manifest = [
            replace(utterance, dialogue=f"{utterance.dialogue}-{number // 2}")
            for number, utterance in enumerate(world.manifest[:24])
        ]
        spec = PARTS[backbone.name]
        assert world.extract(spec).num_parts > 4
        for edit, number in edits:
            world.manifest = edit(world.manifest, number)
            num_made = world.extract(spec).num_made
            if edit in SMALL_EDITS:
                # Its own part, and where borders move those beside it.
                assert num_made <= (0 if SMALL_EDITS[edit] == backbone.modality else 3)
        fresh = World(Path(name) / "fresh", demo_root, backbone)
        fresh.manifest = world.manifest
        fresh.extract(spec)
        assert world.tree() == fresh.tree()


class Counted(Faulty):
    """A small 3-D network that counts the windows that it encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = r3d.tiny()


def test_three_videos_more_are_run_without_those_of_other_parts(
    demo_root: Path, tmp_path: Path
) -> None:
    world = World(tmp_path, demo_root, BackboneSpec("r3d", "video", LeafSpec("r3d", {})))
    # Eleven videos of two clips each.
    videos = [replace(u, dialogue=f"video-{n // 2}") for n, u in enumerate(world.manifest[:22])]
    spec = ExtractSpec(part_bytes=20_000)
    first, more, nothing = Counted(), Counted(), Counted()
    world.manifest = videos[:16]
    num_first = first.extract(world, spec).num_made
    old_parts = set(world.pool.folder.glob("*/*.json"))
    world.manifest = videos
    more.extract(world, spec)
    new_ids = {utterance.id for utterance in videos[16:]}
    made = [
        set(json.loads(path.read_text())["part"]["ids"])
        for path in world.pool.folder.glob("*/*.json")
        if path not in old_parts
    ]
    assert num_first >= 3 and new_ids <= set().union(*made)
    assert all(ids & new_ids for ids in made)
    assert sum(more.num_windows) == len(set().union(*made)) < 16 == sum(first.num_windows)
    assert nothing.extract(world, spec).num_made == 0 and nothing.num_windows == []
