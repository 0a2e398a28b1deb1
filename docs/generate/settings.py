"""The page with every setting of params.yaml: type, default, range and meaning."""

import json
import re
import types
from collections.abc import Iterable
from typing import Any, Union, get_args, get_origin

from docs.generate.stanzas import Stanza, stanzas
from features.binding import REQUIRED, Parameter, describe
from features.errors import ProjectError
from features.params.yaml_files import read_yaml
from features.source import ROOT

MEANINGS = ROOT / "docs" / "generate" / "meanings.yaml"
INTRODUCTION = """# Every setting of params.yaml

`params.yaml` is a mapping of sections; in each but `extract` and `tracking`, an entry has a name
(lower-case letters, digits and single hyphens) and a mapping of settings. The sections `distilled`,
`ensembles`, `sweeps` and `tracking` may be left out. `python cli.py check` reports every setting
that is misspelt, missing, of the wrong type or out of range, all at once. Required settings have no
default.

Where an entry has a `code`, it names a file of the folder that is given below, and that file's
settings are listed after those that all entries of the section have. Whole numbers other than seeds
and bytes are at most 1,000,000.
"""
# Values with which a check says what its limits are.
PROBES: tuple[Any, ...] = (-1e300, 1e300, 0, [])


def page() -> str:
    """The page. Raises ProjectError for a setting without a meaning, or a meaning without one."""
    meanings = read_yaml(MEANINGS)
    used: set[str] = set()
    headings = list(dict.fromkeys(stanza.path for stanza in stanzas()))
    blocks = [INTRODUCTION, " · ".join(map(_link, headings)) + "\n"]
    heading = None
    for stanza in stanzas():
        if stanza.path != heading:
            heading = stanza.path
            blocks.append(f"## {heading}\n\n{meanings[heading]}\n")
            used.add(heading)
        if stanza.code:
            blocks.append(f"### {stanza.path}: {stanza.code}\n")
        rows = [_row(stanza, parameter, meanings, used) for parameter in stanza.parameters]
        if rows:
            blocks.append(_table(rows))
        elif stanza.code:
            blocks.append("No settings.\n")
    if idle := sorted(set(meanings) - used):
        raise ProjectError(f"{MEANINGS.name} explains settings that do not exist: {idle}")
    return "\n".join(blocks)


def _link(heading: str) -> str:
    """A link to a heading of the page, as GitHub and Sphinx name its anchor."""
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    return f"[{heading}](#{anchor})"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    titles = ("setting", "is", "default", "limits", "meaning")
    lines = [titles, ("---",) * len(titles), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _row(
    stanza: Stanza, parameter: Parameter, meanings: dict[str, str], used: set[str]
) -> tuple[str, ...]:
    places = [stanza.path if stanza.code is None else f"{stanza.path}.{stanza.code}", stanza.path]
    keys = [f"{place}.{parameter.name}" for place in places]
    key = next((key for key in keys if key in meanings), None)
    if key is None:
        raise ProjectError(f"{MEANINGS.name} does not explain {keys[0]}")
    used.add(key)
    return (
        f"`{parameter.name}`",
        _escaped(_type(parameter.hint)),
        _default(parameter.default),
        limits(parameter),
        _escaped(meanings[key]),
    )


def _type(hint: Any) -> str:
    """A type in words; what a setting may be instead stands apart from what a list holds."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return ", or ".join(describe(option) for option in options)


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "required"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def limits(parameter: Parameter) -> str:
    """What the check of a setting says of values that it refuses: ``at least 1``."""
    said = []
    for value in PROBES if parameter.check else ():
        try:
            answer = parameter.check(value) if parameter.check else None
        except (TypeError, ValueError):
            continue
        if answer and answer not in said:
            said.append(answer)
    return ", ".join(said)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
