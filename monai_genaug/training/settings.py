"""Whether what is to be set of a bundle's configs is there, and of the kind that is expected."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from pydoc import locate
from typing import Any

from monai.bundle import ConfigParser


def check_setting(name: str, value: Any, parser: ConfigParser, bundle: str) -> None:
    """Refuse the id of an entry that a bundle's configs do not have, naming the nearest, and a value of another kind.

    Args:
        name: id, such as ``epochs`` or ``network_def#base_features``.
        value: what it is to be set to.
        parser: of the bundle's configs.
        bundle: name of the bundle, for the message.

    Raises:
        ValueError: if there is no such entry, or it is a number, or true or false, and the value is none.

    Example:
        >>> check_setting("epoch", 2, ConfigParser({"epochs": 3}), "a")
        Traceback (most recent call last):
            ...
        ValueError: 'epoch' is no setting of a, did you mean 'epochs'...
    """
    if name.startswith("settings"):
        raise ValueError("settings is a record of what was set: set the entry itself, such as seed or epochs.")
    known_name = name == "".join(name.split()) and not name.startswith("_") and name in parser
    if not known_name and not _is_argument(name, parser):
        known = _ids(parser.config)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or [key for key in known if "#" not in key][:10]
        raise ValueError(
            f"{name!r} is no setting of {bundle}, did you mean {', '.join(map(repr, near))}? All of them stand in the "
            f"files that `monai-genaug bundles {bundle} --configs` names."
        )
    expected = "" if name == "resume" else _expect(parser.get(name), value) or _expect_reference(name, value, parser)
    if expected:
        raise ValueError(f"{name} is {value!r}, expected {expected}.")


def _expect(default: Any, value: Any) -> str:
    """Name the kind of value that an entry takes, by its default, if the new one is not of it; expressions may be."""
    if isinstance(value, str) and value.startswith(("$", "@", "%")):
        return ""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(default, int):
        return "" if type(value) is int else f"a whole number such as {default!r}"
    if isinstance(default, float):
        return "" if value is None or type(value) in (int, float) else f"a number such as {default!r}"
    return ""


def _expect_reference(name: str, value: Any, parser: ConfigParser) -> str:
    """Name what an entry may refer to, if it is to refer to nothing, or has text where its default is a component."""
    if not isinstance(value, str) or value.startswith(("$", "%")):
        return ""
    default = parser.get(name)
    kind = _module(parser, default[1:]) if isinstance(default, str) and default.startswith("@") else ""
    if value[1:] in parser if value.startswith("@") else not kind:
        return ""
    kin = [key for key in parser.config if kind and key != name and _module(parser, key) == kind]
    near = difflib.get_close_matches(value.lstrip("@"), _ids(parser.config), n=3, cutoff=0.5)
    known = ", ".join(f"'@{key}'" for key in kin or near)
    return f"one of {known}" if known else "the name of another entry after @"


def _module(parser: ConfigParser, name: str) -> str:
    """Name the module of the class that an entry makes; nothing of other entries."""
    entry = parser.get(name)
    return str(entry["_target_"]).rpartition(".")[0] if isinstance(entry, dict) and "_target_" in entry else ""


def _is_argument(name: str, parser: ConfigParser) -> bool:
    """Tell whether an id names an argument, not given so far, of a class or function in the configs."""
    parent, _, argument = name.rpartition("#")
    config = parser[parent] if parent and parent in parser else None
    target = locate(config["_target_"]) if isinstance(config, dict) and "_target_" in config else None
    return callable(target) and argument in inspect.signature(target).parameters


def _ids(node: Any, prefix: str = "") -> list[str]:
    """Name all entries of a config, top level first."""
    if not isinstance(node, Mapping):
        return []
    keys = [f"{prefix}{key}" for key in node if not str(key).startswith("_")]
    below = [name for key, value in node.items() for name in _ids(value, f"{prefix}{key}#")]
    return keys + below
