"""Mask samplers in files: YAML as in the configs of bundles, or what `monai-genaug masks` wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from monai.transforms import Randomizable

EXAMPLE = "{_target_: monai_genaug.masks.bank.load_bank, path: bank.npz}"
LOADERS = {  # of files that samplers save, by what their JSON says they hold
    "nuclei": "monai_genaug.masks.procedural.load_procedural",
    "lesions": "monai_genaug.masks.procedural.load_lesions",
}


class ReadSampler(NamedTuple):
    """A sampler and what describes it.

    Args:
        sampler: makes masks.
        config: as configs describe it.
    """

    sampler: Randomizable
    config: dict[str, Any]


def read_sampler(path: str | os.PathLike[str]) -> ReadSampler:
    """Read a mask sampler from a file.

    Args:
        path: a YAML file with ``_target_`` and arguments, alone or under ``mask_sampler``, as in configs of bundles;
            what it names is run, like a bundle's config. Or a bank (``.npz``) or populations (``.json``) as
            `monai-genaug masks` writes them.

    Returns:
        The sampler, and its description.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it describes no mask sampler.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "sampler.yaml")
        ...     _ = file.write_text("{_target_: monai_genaug.masks.LabelDeformation, flip: 0.0}")
        ...     read_sampler(file).sampler.flip
        0.0
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist, expected a mask sampler, such as YAML with {EXAMPLE}.")
    config = _describe(file)
    from monai.bundle import ConfigParser

    try:
        sampler = ConfigParser({"sampler": config}).get_parsed_content("sampler")
    except Exception as error:
        cause: BaseException = error
        while isinstance(cause, RuntimeError) and cause.__cause__ is not None:  # MONAI wraps whatever a class raises
            cause = cause.__cause__
        raise ValueError(f"{file} describes a mask sampler that cannot be made: {cause}") from error
    if not isinstance(sampler, Randomizable) or not callable(sampler):
        raise ValueError(
            f"{file} describes a {type(sampler).__name__}, expected a mask sampler such as {EXAMPLE}: name its class "
            "or the function that loads it."
        )
    return ReadSampler(sampler, config)


def _describe(file: Path) -> dict[str, Any]:
    """Give what a file says as configs describe samplers."""
    if file.suffix == ".npz":
        return {"_target_": "monai_genaug.masks.bank.load_bank", "path": str(file)}
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(
            f"{file} cannot be read ({' '.join(str(error).split())}): mend it, or fit it again."
        ) from error
    if isinstance(content, dict):
        if content.get("monai_genaug") in LOADERS:
            return {"_target_": LOADERS[content["monai_genaug"]], "path": str(file)}
        content = content.get("mask_sampler", content)
    if not isinstance(content, dict) or not isinstance(content.get("_target_"), str):
        raise ValueError(f"{file} has no entry _target_, expected a mask sampler such as {EXAMPLE}.")
    return content
