"""`bundle`: a trained head as a folder that can be handed on."""

from pathlib import Path

import click


@click.command()
@click.argument("head")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--with-backbones", is_flag=True, help="Include the weights of the frozen networks.")
def bundle(head: str, out: Path, with_backbones: bool) -> None:
    """Write the trained HEAD to the folder OUT, from which it predicts on any machine.

    The folder is laid out as a model repository of the Hugging Face hub; README.md is the model
    card.
    """
    from app.bundles.write import Figures, write_bundle
    from app.paths import RUNS_PATH
    from app.predict.models import read_run_model
    from features.runs.read import read_as_trained

    model = read_run_model(head)
    run = read_as_trained(RUNS_PATH / head, ["metrics.json", "evaluation.json"])
    figures = Figures(run.json("metrics.json"), run.json("evaluation.json"))
    for line in write_bundle(model, figures, out, with_backbones):
        click.echo(line, err=True)
    num_bytes = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    click.echo(f"{out}: {head}, {num_bytes / 1e6:.1f} MB")
