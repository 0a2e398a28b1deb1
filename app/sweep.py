"""`sweep`: a search over the settings of a head, on its dev part alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from app.pipeline import RUNS_PATH, labels_path
from app.tables import aligned
from features.errors import raise_all
from features.manifest import read_labels
from features.params.entries import Entries
from features.params.heads import read_head
from features.params.load import PARAMS_PATH, load_params
from features.params.sweeps import with_settings
from features.params.yaml_files import read_yaml
from features.specs.heads import HeadSpec
from features.specs.sweeps import SweepSpec
from features.specs.tracks import store_path

if TYPE_CHECKING:
    from train.runs.sweep import Trial

SHOWN = 10


@click.command()
@click.argument("name")
def sweep(name: str) -> None:
    """Search settings of a head as sweeps.NAME of params.yaml says; the test part stays unseen."""
    params = load_params()
    spec: SweepSpec = params.pick("sweeps", name)
    raw = read_yaml(PARAMS_PATH)

    from train.data.dataset import open_stores
    from train.loop.tracking import Trackers
    from train.runs.sweep import ranked, search
    from train.scoring.metrics import LOWER_IS_BETTER

    head = params.heads[spec.head]
    inputs = head.used_inputs
    stores = open_stores({m: store_path(head.corpus, backbone) for m, backbone in inputs.items()})
    file = RUNS_PATH / ".sweeps" / name / "trials.jsonl"
    written = raw["heads"][spec.head]
    tracker = Trackers(params.tracking, RUNS_PATH, f"sweep-{name}", {"head": written})
    labels = read_labels(labels_path(head.corpus))
    sign = -1 if head.choose_by in LOWER_IS_BETTER else 1
    trials = []
    for trial in search(
        spec, lambda settings: _head(raw, spec, settings), written, labels, stores, file, tracker
    ):
        trials.append(trial)
        shown = trial.failure or f"dev {head.choose_by} {_figure(trial, sign)}"
        click.echo(f"{name}: trial {trial.number + 1} of {spec.trials}: {shown}")
    order = ranked(trials)[:SHOWN]
    rows = [("trial", f"dev {head.choose_by}", *spec.space)]
    for trial in order:
        settings = (_short(trial.settings[path]) for path in spec.space)
        rows.append((str(trial.number + 1), _figure(trial, sign), *settings))
    click.echo("\n" + aligned(rows))
    click.echo(f"\nIf trial {order[0].number + 1} is wanted, write it into heads.{spec.head}.")
    click.echo(f"All trials: {file}")


def _head(raw: Mapping[str, Any], spec: SweepSpec, settings: Mapping[str, Any]) -> HeadSpec:
    """The head as one trial has it; ProjectError where its settings contradict each other."""
    entries = Entries(raw)
    changed = with_settings(raw["heads"][spec.head], settings)
    changed["training"] = {**changed["training"], "seeds": spec.seeds}
    head = read_head(entries, f"heads.{spec.head}", spec.head, changed)
    raise_all(entries.problems, "params.yaml")
    assert isinstance(head, HeadSpec)
    return head


def _figure(trial: "Trial", sign: int) -> str:
    return "failed" if trial.score is None else f"{sign * trial.score:.4f}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
