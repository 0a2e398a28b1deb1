"""`check`: finds the problems of params.yaml that show before anything runs."""

from pathlib import Path

import click

from app.paths import DATA_PATH, RUNS_PATH, labels_path, manifest_path, notes_path
from features.errors import raise_all
from features.params.load import PARAMS_PATH, Params, read_params
from features.params.yaml_files import read_yaml
from features.specs.tracks import CACHE_PATH


@click.command()
def check() -> None:
    """Check params.yaml, the folders of corpora and the checkpoints; nothing is run."""
    params, problems = read_params(read_yaml(PARAMS_PATH), PARAMS_PATH.name)
    problems = problems + root_problems(params) + _checkpoint_problems(params)
    raise_all([f"{PARAMS_PATH.name}: {problem}" for problem in problems], PARAMS_PATH.name)
    click.echo(
        f"params.yaml is valid: {len(params.corpora)} corpora, {len(params.tracks)} tracks, "
        f"{len(params.heads)} heads"
    )


def root_problems(params: Params) -> list[str]:
    """Corpora whose folder does not exist, or in which the pipeline writes."""
    synthetic = [(DATA_PATH / "synthetic" / name).resolve() for name in params.synthetic]
    written = [CACHE_PATH, RUNS_PATH, Path("report.html")]
    for name in params.corpora:
        written += [manifest_path(name), labels_path(name), notes_path(name)]
    written = [path.resolve() for path in written]
    problems = []
    for name, corpus in params.corpora.items():
        where, root = f"corpora.{name}.root is {str(corpus.root)!r}", corpus.root.resolve()
        shared = [x for x in written if x.is_relative_to(root) or root.is_relative_to(x)]
        shared += [x for x in synthetic if x.is_relative_to(root) and x != root]
        if shared:
            problems.append(
                f"{where}, where the pipeline writes {shared[0]}; give a folder that holds only "
                "the corpus, such as data/raw/NAME"
            )
        elif not root.is_dir() and not any(root.is_relative_to(path) for path in synthetic):
            problems.append(f"{where}, which is not a folder; give the folder of the corpus")
    return problems


def _checkpoint_problems(params: Params) -> list[str]:
    from extract.network.checkpoint_check import checkpoint_problems

    return [
        problem for backbone in params.backbones.values()
        for problem in checkpoint_problems(backbone)
    ]  # fmt: skip
