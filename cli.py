"""The command line: `python cli.py --help`."""

import sys

import click

from app import check, compare, pipeline, recipes, report, sweep, training
from app.bundles.command import bundle
from app.explore.command import explore
from app.heads.scan import scan
from app.predict.command import predict
from app.serving.command import serve
from app.stores.commands import stores
from app.stores.heal import runs
from app.terminal import escape_output, remedy
from features.errors import ProjectError

USER_ERROR = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Run frozen backbones once, train small heads many times."""


for command in (
    pipeline.synthesise,
    pipeline.manifest,
    pipeline.extract,
    training.train,
    training.transfer,
    training.ensemble,
    predict,
    bundle,
    serve,
    report.report,
    report.results,
    scan,
    explore,
    compare.compare,
    sweep.sweep,
    stores,
    runs,
    recipes.use,
    check.check,
):
    cli.add_command(command)


def main() -> None:
    """Run a command; an error that the user can fix is one message and exit code 2."""
    escape_output()
    try:
        cli()
    except ProjectError as error:
        message: str | None = str(error)
    except OSError as error:
        message = remedy(error)
        if message is None:
            raise
    else:
        return
    click.echo(f"Error: {message}", err=True)
    sys.exit(USER_ERROR)


if __name__ == "__main__":
    main()
