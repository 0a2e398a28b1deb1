"""Which format a foreign file is of, by its content."""

from pathlib import Path
from types import ModuleType

from features.errors import ProjectError, did_you_mean, quoted
from features.leaves import leaf_names, load_leaf

FOLDER = "features/exchange"


def formats() -> list[str]:
    """The names of all formats."""
    return leaf_names(FOLDER)


def format_leaf(name: str) -> ModuleType:
    """The file of a format; ProjectError where there is none of that name."""
    if name not in formats():
        raise ProjectError(
            f"there is no format {name!r}; formats are {quoted(formats())}."
            + did_you_mean(name, formats())
        )
    return load_leaf(FOLDER, name)


def recognised(path: Path, form: str = "auto") -> str:
    """The format of a file or folder; ProjectError where it is of another one than `form`, or none.

    Some layouts are several formats at once: then `form` decides, and ``auto`` takes the first.
    """
    if form != "auto":
        format_leaf(form)
    if not path.exists():
        raise ProjectError(f"{path} does not exist; give the path of a file or folder of features")
    fitting = [name for name in formats() if load_leaf(FOLDER, name).recognises(path)]
    if form == "auto" and fitting:
        return fitting[0]
    if form in fitting:
        return form
    what = f"is {fitting[0]}, not {form}" if fitting and form != "auto" else "has no known format"
    listed = f"; give {fitting[0]}" if fitting else f"; formats are {quoted(formats())}"
    raise ProjectError(f"{path} {what}{listed}")


def begins_with(path: Path, *beginnings: bytes) -> bool:
    """Whether a regular file begins with one of these bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(max(map(len, beginnings)))
    return any(head.startswith(beginning) for beginning in beginnings)
