"""Settings as command-line flags: one flag a field, with the field's own help, range and choices."""

import argparse
import dataclasses
import typing
from collections.abc import Iterable
from typing import Any

PREFIX = "set "  # of a field's name in the parsed arguments; no flag of a verb's own can be called so


def add_flags(parser: argparse.ArgumentParser, kind: type, names: dict[str, str] | None = None,
              skip: Iterable[str] = (), otherwise: str = "") -> None:
    """Give `parser` a flag for each field of the settings dataclass `kind`.

    names : flags that are called otherwise than their field, {field: flag}
    skip  : fields that have no flag
    otherwise : what holds where a flag is not given, if that is not the field's default
    A flag that is not given is None in the result, so that a preset's value may stand.
    """
    group = parser.add_argument_group(f"{kind.__name__.removesuffix('Settings').lower()} settings")
    for field in dataclasses.fields(kind):
        if field.name in skip:
            continue
        flag = "--" + (names or {}).get(field.name, field.name).replace("_", "-")
        group.add_argument(flag, dest=PREFIX + field.name, default=None, help=_help(field, otherwise),
                           **_reading(field))


def chosen(arguments: argparse.Namespace, kind: type) -> dict[str, Any]:
    """The fields of `kind` that were given as flags."""
    given = {field.name: getattr(arguments, PREFIX + field.name, None) for field in dataclasses.fields(kind)}
    return {name: value for name, value in given.items() if value is not None}


def _reading(field: dataclasses.Field) -> dict[str, Any]:
    """How argparse reads a field: the range is left to the settings themselves, which say it in one sentence."""
    if field.type is bool:
        return {"action": argparse.BooleanOptionalAction}
    if typing.get_origin(field.type) is tuple:
        return {"action": "append", "metavar": "…"}
    if field.metadata["choices"]:
        return {"metavar": "|".join(filter(None, map(str, field.metadata["choices"])))}
    return {"type": field.type, "metavar": {int: "N", float: "X"}.get(field.type, "TEXT")}


def _help(field: dataclasses.Field, otherwise: str) -> str:
    rule = field.metadata
    unit = f" {rule['unit']}" if rule["unit"] else ""
    low, high = rule["low"], rule["high"]
    span = f" {low:g}…{high:g}{unit};" if low is not None and high is not None else f"{unit};" if unit else ""
    default = otherwise or ("" if field.default in ("", ()) else field.default)
    default = "" if default == "" else f" default {default}"
    return f"{rule['help']}{span}{default}".replace("%", "%%").rstrip(";")
