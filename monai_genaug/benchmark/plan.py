"""Plans of benchmarks: YAML files that say what is compared, with settings of several sizes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_genaug._checks import check_choice

FIXED = ("kind", "data", "published", "settings")  # what no setting changes


def read_plan(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the YAML file of a benchmark.

    Args:
        path: of the file, which holds a mapping with at least ``kind``.

    Returns:
        Its content, not checked any further.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no mapping or no kind.

    Example:
        >>> read_plan("no_such_plan.yaml")
        Traceback (most recent call last):
            ...
        FileNotFoundError: no_such_plan.yaml does not exist, expected the plan of a benchmark, ...
    """
    import yaml

    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} does not exist, expected the plan of a benchmark, such as benchmarks/paper_nucleus.yaml."
        )
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no valid YAML ({' '.join(str(error).split())}): mend it.") from error
    if not isinstance(content, dict) or "kind" not in content:
        raise ValueError(f"{file} has no entry `kind`, expected a mapping that begins with `kind: augmentation`.")
    return content


def check_keys(entries: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse a key that is not known, naming the nearest.

    Args:
        entries: a mapping of a plan.
        known: its possible keys.
        where: what the error calls it.

    Raises:
        ValueError: for the first key that is not known.

    Example:
        >>> check_keys({"epoch": 3}, ["seeds", "epochs"], "the plan")
        Traceback (most recent call last):
            ...
        ValueError: the plan has the unknown entry 'epoch', did you mean 'epochs'? Known are seeds, epochs.
    """
    known = list(known)
    for key in entries:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f", did you mean {near[0]!r}?" if near else "."
            raise ValueError(f"{where} has the unknown entry {key!r}{hint} Known are {', '.join(known)}.")


def choose_setting(content: Mapping[str, Any], name: str, *, named: Iterable[str] = ()) -> dict[str, Any]:
    """Lay one of a plan's settings over its other entries; mappings are joined key by key, at any depth.

    Args:
        content: of `read_plan`.
        name: of the setting.
        named: entries that are mappings by names of the plan's own, to which no setting may add.

    Returns:
        The entries without ``kind`` and ``settings``.

    Raises:
        ValueError: if there is no such setting, or one changes what belongs to the whole plan.

    Example:
        >>> plan = {"kind": "a", "epochs": 200, "net": {"width": 64}, "settings": {"full": {}, "short": {"epochs": 4}}}
        >>> choose_setting(plan, "short")
        {'epochs': 4, 'net': {'width': 64}}
    """
    settings = content.get("settings")
    if not isinstance(settings, Mapping) or not settings:
        raise ValueError("the plan has no settings, expected a mapping `settings` of blocks such as short and full.")
    check_choice("setting", name, settings)
    block = {} if settings[name] is None else settings[name]
    if not isinstance(block, Mapping):
        raise ValueError(f"the setting {name!r} is {block!r}, expected a mapping of entries that it changes.")
    merged = {key: value for key, value in content.items() if key not in ("kind", "settings")}
    for key, value in block.items():
        if key in FIXED:
            raise ValueError(f"the setting {name!r} has {key}, which belongs to the whole plan: move it there.")
        if key in named and isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            check_keys(value, merged[key], f"{key} of the setting {name!r}")
        merged[key] = _lay_over(merged.get(key), value)
    return merged


def _lay_over(old: Any, new: Any) -> Any:
    """Join two mappings, of which the latter's entries count; what is built of a mapping (`_target_`) is not joined."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)) or "_target_" in new:
        return new
    return {**old, **{key: _lay_over(old.get(key), value) for key, value in new.items()}}


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Raise ValueError for what is no whole number from `least` on.

    Example:
        >>> check_whole("epochs", 3)
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}, expected a whole number, {least} or more.")


def check_list(name: str, value: Any, least: int) -> None:
    """Raise ValueError for what is no list of different whole numbers from `least` on.

    Example:
        >>> check_list("seeds", [0, 1], 0)
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"{name} is {value!r}, expected a list: write {name}: [{value}].")
    for entry in value:
        check_whole(f"an entry of {name}", entry, least)
    if len(set(value)) != len(value):
        raise ValueError(f"{name} is {list(value)}, expected each number once: take out what is twice.")


def check_overrides(name: str, bundle: str, overrides: Any, given: Iterable[str], *, equal: Iterable[str] = ()) -> None:
    """Raise ValueError for settings that a bundle does not have, or that a benchmark sets itself.

    Args:
        name: what the error calls them.
        bundle: by its name.
        overrides: settings by the id of their entry.
        given: entries that the benchmark sets.
        equal: entries that it sets for all that are compared.

    Example:
        >>> check_overrides("unet", "nuclei_unet", {"epochs": 3}, ["seed"])
    """
    from monai_genaug.training.bundle import read_configs
    from monai_genaug.training.settings import check_setting

    if not isinstance(overrides, Mapping):
        raise ValueError(f"{name} is {overrides!r}, expected a mapping of settings of bundles/{bundle}.")
    parser = read_configs(bundle)
    for key, value in overrides.items():
        first = key.split("#")[0]
        if first in equal:
            raise ValueError(f"{name} has {key}, which must be equal for all that are compared: move it out of {name}.")
        if first in given:
            raise ValueError(f"{name} has {key}, which the benchmark sets: take it out.")
        check_setting(key, value, parser, bundle)
        if key in ("epochs", "iterations_per_epoch", "batch_size") and not isinstance(value, str):
            check_whole(f"{key} of {name}", value)
