"""How the words of the house are made: fields that know their help, unit and range, and the way to and from JSON."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeVar

from studio.errors import StudioError, did_you_mean

Settings = TypeVar("Settings")


def knob(default: Any, help: str, *, unit: str = "", low: float | None = None, high: float | None = None,
         step: float | None = None, choices: tuple = (), advanced: bool = False, group: str = "") -> Any:
    """A field with all that a slider, a flag and a check need to know about it.

    group : what the knob does to the result, a heading over its like, for pages with many knobs
    """
    return field(default=default, metadata=dict(help=help, unit=unit, low=low, high=high, step=step,
                                                choices=choices, advanced=advanced, group=group))


def same(kind: type, name: str) -> Any:
    """The knob that another class of settings has under this name."""
    one = kind.__dataclass_fields__[name]
    return field(default=one.default, metadata=one.metadata)


def as_dict(settings: Any) -> dict[str, Any]:
    """A settings object as plain JSON data: `from_dict` reads it back to an equal object."""
    return {name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(settings).items()}


def from_dict(kind: type[Settings], data: Mapping[str, Any], where: str = "settings") -> Settings:
    """Build settings from plain data; missing keys take their defaults, unknown ones are refused by name.

    Raises StudioError naming `where` the data came from, the key or value, and the cure.
    """
    known = {field.name for field in dataclasses.fields(kind)}
    for key in data:
        if key not in known:
            raise StudioError(f"{where}: unknown key {key!r}; {did_you_mean(key, known)}")
    try:
        return kind(**data)
    except StudioError as error:
        raise StudioError(f"{where}: {error}") from error


def check(settings: Any) -> None:
    """Hold each field to its type, its choices and its range; whole floats pass for ints, ints become floats."""
    for each in dataclasses.fields(settings):
        value, rule = getattr(settings, each.name), each.metadata
        want = each.type
        if want is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if want is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if typing.get_origin(want) is tuple and isinstance(value, list):
            value = tuple(value)
        plain = typing.get_origin(want) or want
        if not isinstance(value, plain) or (plain in (int, float) and isinstance(value, bool)):
            if value is None and plain in (int, float):
                raise StudioError(f"{each.name} is empty; give a number")
            raise StudioError(f"{each.name} is {value!r}; give a value of type {plain.__name__}")
        if plain is float and not math.isfinite(value):
            raise StudioError(f"{each.name} is {value}; give a finite number")
        if rule.get("choices") and value not in rule["choices"]:
            raise StudioError(f"{each.name} is {value!r}; {did_you_mean(str(value), map(str, rule['choices']))}")
        low, high, unit = rule.get("low"), rule.get("high"), rule.get("unit", "")
        if low is not None and value < low:
            raise StudioError(f"{each.name} is {value}; give at least {low:g} {unit}".rstrip())
        if high is not None and value > high:
            raise StudioError(f"{each.name} is {value}; give at most {high:g} {unit}".rstrip())
        object.__setattr__(settings, each.name, value)
