"""The stage `ensemble`: what it writes, shows and refuses, in a small trained project."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from features.manifest import read_labels
from features.runs.read import read_as_trained
from features.runs.restored import restored_head
from tests.predict_world import project, run, trained  # noqa: F401
from train.runs.stored_predictions import read_predictions
from train.scoring.measure import measures_of

pytestmark = pytest.mark.slow


@pytest.fixture
def with_ensembles(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trained project, with two ensembles in its params.yaml."""
    folder = tmp_path / "own"
    shutil.copytree(project, folder, symlinks=True)
    monkeypatch.chdir(folder)
    text = (folder / "params.yaml").read_text()
    text += """
ensembles:
  both: {heads: [main, probe]}
  stacked: {heads: [main, probe], combine: stacking}
"""
    (folder / "params.yaml").write_text(text)
    return folder


def of_run(folder: Path, name: str, file: str) -> Any:
    return json.loads((folder / "runs" / name / file).read_text())


def test_an_ensemble_is_written_shown_and_refused_where_a_head_changes(
    with_ensembles: Path,
) -> None:
    for name in ("both", "stacked"):
        done = run("ensemble", name)
        assert done.exit_code == 0, done.output
    metrics = of_run(with_ensembles, "both", "metrics.json")
    main = of_run(with_ensembles, "main", "metrics.json")
    assert set(metrics) == {"test", "ensemble", "dev", "majority"}
    assert metrics["test"].keys() == metrics["ensemble"].keys() == main["test"].keys()
    assert len(metrics["test"]["emotion"]["macro_f1"]["seeds"]) == 2
    record = of_run(with_ensembles, "both", "ensemble.json")
    weights = record["weights"]["emotion"]["official"]
    assert weights.keys() == {"main", "probe"} and sum(weights.values()) == pytest.approx(
        1, abs=1e-3
    )
    shown = run("results").output
    assert "both" in shown and "  main, ensemble" in shown
    assert run("report").exit_code == 0
    html = (with_ensembles / "report.html").read_text()
    assert "Ensembles of heads" in html and "ensemble of its 2 seeds" in html
    params = with_ensembles / "params.yaml"
    params.write_text(params.read_text().replace("lr: 0.01}\n  folded", "lr: 0.02}\n  folded"))
    done = run("results")
    assert done.exit_code == 1
    assert re.search(r"runs.both: not shown, since .*main: stale: .*training.lr", done.output)
    assert run("ensemble", "both").exit_code != 0


def test_a_damaged_ensemble_is_refused_and_named_for_healing(with_ensembles: Path) -> None:
    assert run("ensemble", "both").exit_code == 0
    file = with_ensembles / "runs/both/metrics.json"
    file.write_text(file.read_text().replace("0", "1", 1))
    done = run("results")
    assert done.exit_code == 1
    assert "damaged" in done.output and "python cli.py runs heal both" in done.output
    healed = run("runs", "heal", "both")  # there is no pipeline here that could make it again
    assert "runs/both/metrics.json is not as it was written" in healed.output.replace(os.sep, "/")


def test_the_predictions_of_a_run_are_read_back_as_they_were(with_ensembles: Path) -> None:
    for name in ("main", "folded"):
        sealed = read_as_trained(with_ensembles / "runs" / name, ["predictions.jsonl"])
        head = restored_head(sealed.record["head"])
        measures = measures_of(head, next(iter(sealed.record["facts"].values())))
        labels = read_labels(with_ensembles / "data/mine/labels.jsonl")
        splits = read_predictions(sealed.contents["predictions.jsonl"], measures, labels)
        stored = of_run(with_ensembles, name, "metrics.json")
        for measure in measures:
            predicted = splits["test"].predicted[measure.name]
            truth = measure.truth(splits["test"].labels)
            for metric, values in measure.scores(
                measure.tallies(truth, predicted).sum(axis=1)
            ).items():
                assert list(values) == pytest.approx(
                    stored["test"][measure.name][metric]["seeds"], abs=1e-5
                ), (name, measure.name, metric)


def test_an_adjusted_ensemble_says_by_which_power(with_ensembles: Path) -> None:
    params = with_ensembles / "params.yaml"
    entry = "  adjusted: {heads: [main, probe], imbalance: logit-adjustment}\n"
    params.write_text(params.read_text() + entry)
    for name in ("both", "adjusted"):
        done = run("ensemble", name)
        assert done.exit_code == 0, done.output
    plain, adjusted = (of_run(with_ensembles, n, "ensemble.json") for n in ("both", "adjusted"))
    assert not any(plain["strengths"].values())
    assert set(adjusted["strengths"]["emotion"]) == {"official"}
    figures = [
        record["ensemble_dev"]["emotion"]["macro_f1"]["mean"] for record in (plain, adjusted)
    ]
    assert figures[1] >= figures[0]
    assert run("report").exit_code in (0, 1)
    page = (with_ensembles / "report.html").read_text()
    assert "by the class prior of the training split (logit adjustment), emotion with" in page
