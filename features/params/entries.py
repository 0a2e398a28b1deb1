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

    def raw_section(self, name: str) -> Mapping[Any, Any]:
        """A section as it is written; empty if it is not a mapping."""
        section = self.raw.get(name)
        return section if isinstance(section, Mapping) else {}

    def read_section(
        self, name: str, read: Callable[["Entries", str, str, Any], Entry | None]
    ) -> dict[str, Entry]:
        """The entries of a section, each read by `read(entries, where, name, settings)`."""
        section = self.raw.get(name)
        if section is not None and not isinstance(section, Mapping):
            self.problems.append(
                f"{name} is {section!r}; it must be a mapping from names to settings"
            )
        entries = {}
        for key, settings in self.raw_section(name).items():
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

    def note_unknown(self, fault: str, name: str, available: Iterable[str], kind: str) -> None:
        """Note a name that does not exist, with those that do and the nearest of them."""
        names = list(available)
        self.problems.append(f"{fault}; {kind} are {quoted(names)}.{did_you_mean(name, names)}")

    def has_entry(self, where: str, name: str, section: str) -> bool:
        """Whether a section has an entry of that name; a problem is noted if not."""
        available = [str(key) for key in self.raw_section(section)]
        if name not in available:
            self.note_unknown(f"{where} is {name!r}", name, available, section)
        return name in available

    def read_named_leaves(
        self, where: str, settings_by_name: Any, folder: str, symbol: str, kind: str
    ) -> dict[str, LeafSpec]:
        """A mapping whose keys are names of leaves, such as tasks, with the settings of each."""
        if not isinstance(settings_by_name, Mapping):
            self.problems.append(f"{where} is {settings_by_name!r}; it must map names to settings")
            return {}
        available = leaf_names(folder)
        leaves = {}
        for name, settings in settings_by_name.items():
            if name not in available:
                self.note_unknown(f"{where} names {name!r}", str(name), available, kind)
            elif not isinstance(settings, Mapping | None):
                self.problems.append(
                    f"{where}.{name} is {settings!r}; it must be a mapping of settings, {{}} for "
                    "none"
                )
            elif settings and "code" in settings:
                self.problems.append(f"{where}.{name} has no setting 'code'; its name is its code")
            elif leaf := self.read_leaf(
                f"{where}.{name}", {**(settings or {}), "code": name}, folder, symbol
            ):
                leaves[name] = leaf
        return leaves

    def read_leaf(
        self, where: str, settings: Any, folder: str, symbol: str, extra: tuple[Parameter, ...] = ()
    ) -> LeafSpec | None:
        """A mapping with a `code`: the leaf's settings, bound to its signature."""
        available = leaf_names(folder)
        if not isinstance(settings, Mapping) or not isinstance(settings.get("code"), str):
            self.problems.append(
                f"{where} is {settings!r}; it must be a mapping with a 'code', one of "
                f"{quoted(available)}"
            )
            return None
        code = settings["code"]
        if code not in available:
            self.note_unknown(f"{where}.code is {code!r}", code, available, f"files in {folder}")
            return None
        parameters = [Parameter("code", str), *extra, *leaf_parameters(folder, code, symbol)]
        options = bind(where, settings, parameters, self.problems)
        if options is None:
            return None
        options.pop("code")
        return LeafSpec(code, options)
