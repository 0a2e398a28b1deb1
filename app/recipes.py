"""`use`: complete parameter files, ready to run."""

import io
from pathlib import Path

import click
from ruamel.yaml import YAML

from features.errors import ProjectError, did_you_mean, quoted
from features.files import digest_file, write_atomic
from features.params.load import PARAMS_PATH, parse_params
from features.params.yaml_files import parse_yaml
from features.source import ROOT

RECIPES = ROOT / "recipes"
# The digest of params.yaml as `use` last wrote it, which shows whether it was edited since.
STAMP = Path(".dvc/tmp/params-in-use")


@click.command()
@click.argument("name")
@click.option("--root", type=click.Path(path_type=Path), help="The folder of the recipe's corpus.")
@click.option("--force", is_flag=True, help="Replace an edited params.yaml; keeps params.yaml.bak.")
def use(name: str, root: Path | None, force: bool) -> None:
    """Make the recipe NAME the params.yaml of this folder."""
    text = _with_root(_recipe(name), root) if root else _recipe(name).read_bytes()
    file = f"recipes/{name}.yaml"
    parse_params(parse_yaml(text.decode(), file), file)
    if PARAMS_PATH.exists() and _edited():
        if not force:
            raise ProjectError(
                f"{PARAMS_PATH} has been edited; using {name!r} would replace it. Keep a copy, or "
                "run the command with --force, which keeps it as params.yaml.bak."
            )
        write_atomic(PARAMS_PATH.with_suffix(".yaml.bak"), PARAMS_PATH.read_bytes())
    write_atomic(PARAMS_PATH, text)
    write_atomic(STAMP, digest_file(PARAMS_PATH).encode())
    click.echo(f"params.yaml is now the recipe {name!r}; run it with 'dvc repro'")


def _recipe(name: str) -> Path:
    names = sorted(file.stem for file in RECIPES.glob("*.yaml"))
    if name not in names:
        raise ProjectError(
            f"there is no recipe {name!r}; recipes are {quoted(names)}.{did_you_mean(name, names)}"
        )
    return RECIPES / f"{name}.yaml"


def _with_root(recipe: Path, root: Path) -> bytes:
    """The recipe, with `root` as the folder that its corpora are read from; comments are kept."""
    yaml = YAML()
    yaml.width = 100
    yaml.preserve_quotes = True
    content = yaml.load(recipe.read_text(encoding="utf-8"))
    corpora = content["corpora"]
    roots = {corpus["root"] for corpus in corpora.values()}
    if len(roots) != 1:
        raise ProjectError(
            f"the recipe {recipe.stem!r} reads {len(roots)} folders, and --root names one; "
            "use it without --root and edit corpora in params.yaml"
        )
    if not root.is_dir():
        raise ProjectError(
            f"--root is {str(root)!r}, which is not a folder; name the corpus's folder"
        )
    for corpus in corpora.values():
        corpus["root"] = str(root)
    out = io.StringIO()
    yaml.dump(content, out)
    return out.getvalue().encode()


def _edited() -> bool:
    """Whether params.yaml is neither a recipe nor as `use` wrote it."""
    digest = digest_file(PARAMS_PATH)
    if STAMP.exists() and STAMP.read_text() == digest:
        return False
    return all(digest_file(recipe) != digest for recipe in RECIPES.glob("*.yaml"))
