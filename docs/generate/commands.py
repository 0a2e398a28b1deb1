"""The page with the help of every command."""

from collections.abc import Iterator

import click

from cli import cli

WIDTH = 100
INTRODUCTION = """# Every command

`python cli.py COMMAND --help` prints what is below. `permafrost` is the same command, installed;
both work on the project in the current folder. Exit codes: 0 done, 1 done and something is wrong
with the result (a damaged store, a stale run, a clip that cannot be read), 2 not done, with one
message that says what to change.
"""


def page() -> str:
    """The page: the help of each command, as a terminal of 100 columns shows it."""
    blocks = [INTRODUCTION]
    for path, command in _commands("python cli.py", cli):
        context = click.Context(
            command,
            info_name=path,
            terminal_width=WIDTH,
            **cli.context_settings,
        )
        heading = path.removeprefix("python cli.py").strip() or "All commands"
        blocks.append(f"## {heading}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(blocks)


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _commands(f"{path} {name}", child)
