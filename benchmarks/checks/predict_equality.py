"""Trains a recipe's heads on real data and predicts the corpus again as if its clips were new.

The recipe's heads are trained with fewer seeds and epochs, then every utterance of the corpus is
predicted from a table of its clips, texts and dialogues, and again from a bundle by a fresh process
in an empty folder. Printed are the largest difference of any probability of any fold and seed to
the run's own predictions, and how often the sets for a stated coverage of 0.9 hold the true class
of the test set, with the bounds of a binomial distribution (95 %).

    python benchmarks/checks/predict_equality.py RECIPE ROOT [--seeds 1] [--epochs 10] [--json PATH]

RECIPE is a file in recipes/ without its ending, such as ravdess-mel; ROOT holds the corpus.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
FIELDS = (
    *("id", "text", "audio", "video", "start_s", "end_s", "audio_channel"),
    *("speaker", "session", "dialogue", "turn"),
)


@click.command()
@click.argument("recipe")
@click.argument("root", type=click.Path(exists=True, path_type=Path))
@click.option("--seeds", default=1, show_default=True)
@click.option("--epochs", default=10, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(recipe: str, root: Path, seeds: int, epochs: int, json_path: Path | None) -> None:
    """Print the figures of each head."""
    with tempfile.TemporaryDirectory(prefix="predict-equality-") as name:
        folder = Path(name)
        params = prepare(folder, recipe, root, seeds, epochs)
        figures = {}
        for head, settings in params["heads"].items():
            run(folder, "train", head)
            figures[head] = {
                **differences(folder, head, settings["corpus"]),
                **coverage(folder / "runs" / head),
            }
            click.echo(f"{recipe}, {head}: {json.dumps(figures[head])}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def prepare(folder: Path, recipe: str, root: Path, seeds: int, epochs: int) -> dict[str, Any]:
    """A project with the recipe at a reduced size, its corpus copied and its tracks extracted."""
    yaml = YAML()
    params: dict[str, Any] = yaml.load(ROOT / "recipes" / f"{recipe}.yaml")
    for head in params["heads"].values():
        if "training" in head:
            head["training"] |= {"seeds": list(range(seeds)), "epochs": epochs}
    with (folder / "params.yaml").open("w") as file:
        yaml.dump(params, file)
    for corpus, settings in params["corpora"].items():
        shutil.copytree(root, folder / settings["root"])
        run(folder, "manifest", corpus)
    for track in params["tracks"]:
        run(folder, "extract", track, "--device", "cpu")
    return params


def run(folder: Path, *command: str) -> None:
    """A command of the project, which must end well."""
    subprocess.run([sys.executable, str(ROOT / "cli.py"), *command], cwd=folder, check=True)


def differences(folder: Path, head: str, corpus: str) -> dict[str, Any]:
    """The largest differences of the run's predictions to those of the run and of a bundle."""
    manifest = lines(folder / "data" / corpus / "manifest.jsonl")
    params = YAML(typ="safe").load(folder / "params.yaml")
    corpus_root = folder / params["corpora"][corpus]["root"]
    table = corpus_root / "utterances-to-predict.csv"
    used = [name for name in FIELDS if any(record.get(name) is not None for record in manifest)]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, used, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(manifest)
    command = ["predict", head, str(table), "--each", "--device", "cpu", "--to"]
    run(folder, *command, "run.jsonl")
    run(folder, "bundle", head, "bundle")
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    run(empty, "predict", "../bundle", *command[2:], "bundle.jsonl")
    own = {
        (line["id"], line["fold"], line["seed"]): line
        for line in lines(folder / "runs" / head / "predictions.jsonl")
    }
    table.unlink()
    return {
        "num_predictions": len(own),
        "run": largest(own, lines(folder / "run.jsonl")),
        "bundle": largest(own, lines(empty / "bundle.jsonl")),
    }


def largest(own: dict[tuple[str, str, int], Any], records: list[Any]) -> float:
    """The largest difference of a probability; AssertionError where one is missing."""
    differences: list[float] = []
    compared = set()
    for record in records:
        for single in record["each"]:
            key = (record["id"], single["fold"], single["seed"])
            if key not in own:
                continue  # of the training split of that fold
            compared.add(key)
            for task, answer in single.items():
                if isinstance(answer, dict) and "probabilities" in answer:
                    expected = own[key][task]["probabilities"]
                    differences += [
                        abs(p - expected[c]) for c, p in answer["probabilities"].items()
                    ]
    assert compared == set(own), len(set(own) - compared)
    return max(differences)


def coverage(run: Path) -> dict[str, Any]:
    """The measured coverage of each measure, with the bounds for the stated one."""
    measured = json.loads((run / "evaluation.json").read_text())["coverage"]
    figures = {}
    for name, about in measured.items():
        low, high = stats.binom.interval(0.95, about["num_utterances"], about["stated"])
        bounds = [float(low) / about["num_utterances"], float(high) / about["num_utterances"]]
        figures[f"coverage of {name}"] = {**about, "binomial": bounds}
    return figures


def lines(path: Path) -> list[Any]:
    """The records of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
