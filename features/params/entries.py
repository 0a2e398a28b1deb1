"""Reads the entries of a parameter file and collects every problem on the way."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from features.binding import Parameter, bind
from features.errors import did_you_mean, quoted
from features.leaves import leaf_names, leaf_parameters
from features.specs.tracks import LeafSpec

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
Entry = TypeVar("Entry")


class Entries:
    """The raw mapping of a parameter file, and the problems found in it so far."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.problems: list[str] = []

    def given(self, section: str) -> Mapping[Any, Any]:
        """What is written in a section; empty where that is no mapping."""
        given = self.raw.get(section)
        return given if isinstance(given, Mapping) else {}

    def section(
        self, name: str, read: Callable[["Entries", str, str, Any], Entry | None]
    ) -> dict[str, Entry]:
        """The entries of a section, each read by `read(entries, where, name, settings)`."""
        given = self.raw.get(name)
        if given is not None and not isinstance(given, Mapping):
            self.problems.append(
                f"{name} is {given!r}; it must be a mapping from names to settings"
            )
        entries = {}
        for key, settings in self.given(name).items():
            if not isinstance(key, str) or not NAME.fullmatch(key) or key == "none":
                self.problems.append(
                    f"{name} has an entry named {key!r}; names are lower case letters, digits and "
                    "single hyphens, and 'none' is taken"
                )
                continue
            entry = read(self, f"{name}.{key}", key, settings)
            if entry is not None:
                entries[key] = entry
        return entries

    def unknown(self, fault: str, name: str, known: Iterable[str], what: str) -> None:
        """Note a name that leads nowhere, with the names there are and the nearest of them."""
        known = list(known)
        self.problems.append(f"{fault}; {what} are {quoted(known)}.{did_you_mean(name, known)}")

    def reference(self, where: str, name: str, section: str) -> bool:
        """Whether a section has an entry of that name; noted where it has not."""
        known = [str(key) for key in self.given(section)]
        if name not in known:
            self.unknown(f"{where} is {name!r}", name, known, section)
        return name in known

    def named_leaves(
        self, where: str, given: Any, folder: str, symbol: str, what: str
    ) -> dict[str, LeafSpec]:
        """A mapping whose keys are names of leaves, such as tasks, with the settings of each."""
        known = leaf_names(folder)
        if not isinstance(given, Mapping):
            self.problems.append(f"{where} is {given!r}; it must map names to settings")
            return {}
        found = {}
        for name, options in given.items():
            if name not in known:
                self.unknown(f"{where} names {name!r}", str(name), known, what)
            elif not isinstance(options, Mapping | None):
                self.problems.append(
                    f"{where}.{name} is {options!r}; it must be a mapping of settings, {{}} for "
                    "none"
                )
            elif options and "code" in options:
                self.problems.append(f"{where}.{name} has no setting 'code'; its name is its code")
            elif leaf := self.leaf(
                f"{where}.{name}", {**(options or {}), "code": name}, folder, symbol
            ):
                found[name] = leaf
        return found

    def leaf(
        self, where: str, given: Any, folder: str, symbol: str, extra: tuple[Parameter, ...] = ()
    ) -> LeafSpec | None:
        """A mapping with a `code`: the leaf's settings, bound to its signature."""
        if not isinstance(given, Mapping) or not isinstance(given.get("code"), str):
            self.problems.append(
                f"{where} is {given!r}; it must be a mapping with a 'code', one of "
                f"{quoted(leaf_names(folder))}"
            )
            return None
        code = given["code"]
        if code not in leaf_names(folder):
            self.unknown(
                f"{where}.code is {code!r}", code, leaf_names(folder), f"files in {folder}"
            )
            return None
        parameters = [Parameter("code", str), *extra, *leaf_parameters(folder, code, symbol)]
        options = bind(where, given, parameters, self.problems)
        if options is None:
            return None
        options.pop("code")
        return LeafSpec(code, options)
