"""Folds from a table in the corpus's folder: what is read, and what is refused by its line."""

from pathlib import Path

import pytest

from extract.corpus.fold_table import with_folds
from features.errors import ProjectError
from features.manifest import Label
from features.specs.tracks import CorpusSpec, LeafSpec

LABELS = [Label("a"), Label("b"), Label("c")]


def folds(tmp_path: Path, *lines: str) -> list[dict[str, str]]:
    (tmp_path / "folds.csv").write_text("\n".join(lines), encoding="utf-8")
    spec = CorpusSpec("mine", tmp_path, LeafSpec("table", {}), folds="folds.csv")
    notes: list[str] = []
    return [dict(label.folds) for label in with_folds(spec, LABELS, notes.append)]


def test_every_column_after_the_first_is_a_way_to_cut(tmp_path: Path) -> None:
    read = folds(tmp_path, "id,five,ten", "b,1,10", "a,2,20")
    assert read == [{"five": "2", "ten": "20"}, {"five": "1", "ten": "10"}, {}]


def test_an_id_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"line 4: id is 'a' a second time"):
        folds(tmp_path, "id,five", "a,1", "b,2", "a,3")


def test_an_id_that_the_corpus_does_not_have_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"line 3: id is 'bb', an utterance .* not have"):
        folds(tmp_path, "id,five", "a,1", "bb,2")


def test_a_corpus_without_a_table_has_no_folds(tmp_path: Path) -> None:
    spec = CorpusSpec("mine", tmp_path, LeafSpec("table", {}))
    assert with_folds(spec, LABELS, [].append) == LABELS
