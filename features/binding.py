"""Binds the mappings of params.yaml to named, typed parameters, collecting every problem."""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from features.errors import did_you_mean, quoted

REQUIRED = object()
# Neither .inf nor .nan is below it, nor a whole number that no float can hold.
INFINITE = 1e300
MAX_COUNT = 1_000_000


@dataclass(frozen=True)
class Parameter:
    """A named setting: type, default, and `check`, which says what a wrong value must be."""

    name: str
    hint: Any
    default: Any = REQUIRED
    check: Callable[[Any], str | None] | None = None


def within(least: float | None, greatest: float | None) -> Callable[[Any], str | None]:
    """A check that a number, or each number of a list, is within two limits (None: no limit).

    Values other than numbers that a setting allows, such as ``none``, are not checked.
    """

    def check(value: Any) -> str | None:
        values = value if isinstance(value, list) else [value]
        numbers = [number for number in values if isinstance(number, int | float)]
        if least is not None and any(number < least for number in numbers):
            return f"at least {least}"
        if greatest is not None and any(number > greatest for number in numbers):
            return f"at most {greatest}"
        return None

    return check


def conforms(value: Any, hint: Any) -> bool:
    """Whether a value from YAML is of the annotated type; ``1`` is a float, ``true`` is not an int.

    Understands int, float, str, bool, None, list[...], dict[str, ...], unions and Literal.
    """
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(conforms(value, option) for option in get_args(hint))
    if origin is Literal:
        return any(value == option and type(value) is type(option) for option in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(conforms(v, get_args(hint)[0]) for v in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            isinstance(k, str) and conforms(v, get_args(hint)[1]) for k, v in value.items()
        )
    if hint in (None, type(None)):
        return value is None
    if hint is float:
        return isinstance(value, int | float) and type(value) is not bool and abs(value) < INFINITE
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def describe(hint: Any) -> str:
    """A type in the words of a user of params.yaml: ``a whole number``, ``one of 'a', 'b'``."""
    names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(describe(option) for option in get_args(hint))
    if origin is Literal:
        return f"one of {quoted(get_args(hint))}"
    if origin is list:
        return f"a list, each item {describe(get_args(hint)[0])}"
    if origin is dict:
        values = get_args(hint)[1]
        each = "settings" if values is Any else f"values, each {describe(values)}"
        return f"a mapping from names to {each}"
    if hint in (None, type(None)):
        return "null"
    if hint is Any:
        return "a mapping of settings"
    return names.get(hint, str(hint))


def dataclass_parameters(spec: type) -> list[Parameter]:
    """The parameters of a dataclass; a field's metadata may hold a ``check``."""
    hints = get_type_hints(spec)
    return [
        Parameter(
            field.name,
            hints[field.name],
            _default(field),
            field.metadata.get("check"),
        )
        for field in fields(spec)
    ]


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return REQUIRED if field.default is MISSING else field.default


def bind(
    where: str, settings: Any, parameters: list[Parameter], problems: list[str]
) -> dict[str, Any] | None:
    """Fill `parameters` from the mapping `settings`, with defaults for those it leaves out.

    Appends one message per problem (not a mapping, unknown key, missing key, wrong type,
    value refused by its check) to `problems` and then returns None.
    """
    if not isinstance(settings, Mapping):
        problems.append(f"{where} is {settings!r}; it must be a mapping of settings")
        return None
    by_name = {parameter.name: parameter for parameter in parameters}
    before = len(problems)
    for key in settings:
        if key not in by_name:
            problems.append(
                f"{where} has no setting {str(key)!r}; its settings are {quoted(by_name)}."
                + did_you_mean(str(key), by_name)
            )
    values = {}
    for name, parameter in by_name.items():
        if name not in settings:
            if parameter.default is REQUIRED:
                problems.append(f"{where}.{name} is missing; it must be {describe(parameter.hint)}")
            values[name] = parameter.default
            continue
        values[name] = _value(f"{where}.{name}", settings[name], parameter, problems)
    return values if len(problems) == before else None


def _value(where: str, value: Any, parameter: Parameter, problems: list[str]) -> Any:
    if not conforms(value, parameter.hint):
        nearest = ""
        if get_origin(parameter.hint) is Literal:
            nearest = "." + did_you_mean(str(value), get_args(parameter.hint))
        problems.append(
            f"{where} is {value!r}; it must be {describe(parameter.hint)}{nearest}{_quotes(value)}"
        )
        return None
    expected = parameter.check(value) if parameter.check else None
    expected = expected or _beyond_any_use(parameter.name, value)
    if expected:
        problems.append(f"{where} is {value!r}; it must be {expected}")
    return float(value) if parameter.hint is float else value


def _beyond_any_use(name: str, value: Any) -> str | None:
    """The upper limit of a count: more can only be a typing error, and would exhaust memory."""
    if name.endswith("_bytes") or "seed" in name:
        return None
    numbers = value if isinstance(value, list) else [value]
    if any(type(number) is int and abs(number) > MAX_COUNT for number in numbers):
        return f"at most {MAX_COUNT}"
    return None


def _quotes(value: Any) -> str:
    """What to do about a mapping with names that YAML takes for numbers: 01 is 1."""
    if not isinstance(value, Mapping) or all(isinstance(name, str) for name in value):
        return ""
    name = next(name for name in value if not isinstance(name, str))
    return (
        f". YAML does not read {name!r} as text; quote codes as they are in the table, such as '01'"
    )
