"""`sweep`: a search over the settings of a head, on its dev set only."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from app.heads.upper import networks_of
from app.inputs import load_labels, open_inputs
from app.paths import RUNS_PATH
from app.tables import aligned
from features.errors import raise_all
from features.extras import require_extra
from features.params.entries import Entries
from features.params.heads import read_head
from features.params.load import PARAMS_PATH, load_params
from features.params.sweeps import with_settings
from features.params.yaml_files import read_yaml
from features.specs.heads import HeadSpec
from features.specs.sweeps import SweepSpec

if TYPE_CHECKING:
    from train.runs.sweep import Trial

NUM_LISTED = 10


@click.command()
@click.argument("name")
def sweep(name: str) -> None:
    """Search settings of a head on its dev set, as set in sweeps.NAME of params.yaml."""
    params = load_params()
    spec: SweepSpec = params.pick("sweeps", name)
    raw = read_yaml(PARAMS_PATH)

    require_extra("python cli.py sweep", "optuna", "optuna")
    from train.loop.tracking import Trackers
    from train.runs.sweep import ranked, search
    from train.scoring.metrics import LOWER_IS_BETTER

    head = params.heads[spec.head]
    stores = open_inputs(head, head.corpus)
    file = RUNS_PATH / ".sweeps" / name / "trials.jsonl"
    raw_head = raw["heads"][spec.head]
    tracker = Trackers(params.tracking, RUNS_PATH, f"sweep-{name}", {"head": raw_head})
    labels = load_labels(head.corpus)
    sign = -1 if head.choose_by in LOWER_IS_BETTER else 1
    trials = []
    for trial in search(
        spec,
        lambda settings: _head(raw, spec, settings),
        raw_head,
        labels,
        stores,
        file,
        tracker,
        lambda head: networks_of(head, head.corpus, params.backbones, stores),
    ):
        trials.append(trial)
        result = trial.failure or f"dev {head.choose_by} {_figure(trial, sign)}"
        click.echo(f"{name}: trial {trial.number + 1} of {spec.trials}: {result}")
    best = ranked(trials)[:NUM_LISTED]
    click.echo("\n" + aligned(_rows(best, spec, head.choose_by, sign)))
    click.echo(f"\nTo use trial {best[0].number + 1}, write its settings into heads.{spec.head}.")
    click.echo(f"All trials: {file}")


def _rows(
    trials: Sequence["Trial"], spec: SweepSpec, choose_by: str, sign: int
) -> list[tuple[str, ...]]:
    rows = [("trial", f"dev {choose_by}", *spec.space)]
    for trial in trials:
        settings = (_short(trial.settings[path]) for path in spec.space)
        rows.append((str(trial.number + 1), _figure(trial, sign), *settings))
    return rows


def _head(raw: Mapping[str, Any], spec: SweepSpec, settings: Mapping[str, Any]) -> HeadSpec:
    """The head with the settings of one trial; ProjectError if they contradict each other."""
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
