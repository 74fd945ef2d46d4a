"""Generator folders: writing them, and loading them without running what they say."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from monai_genaug.data.writers import replacing
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.config import build_generator, describe_generator
from monai_genaug.generators.folders import METADATA_FILE, NETWORK_FILE, WEIGHTS_FILE, find_generator


def load_generator(name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> ConditionalGenerator:
    """Load a trained generator from its folder, or from a bundle that is shipped with this package.

    Nothing in the folder is run: ``$`` expressions are refused, only classes of an exact list are built, and weights
    are read with ``weights_only=True``.

    Args:
        name_or_dir: a folder that training wrote, or the bare name of a shipped bundle.
        device: where its weights go.

    Returns:
        The generator, in eval mode.

    Raises:
        FileNotFoundError: if there is no such folder or bundle, or a file in it is missing.
        ValueError: if the folder holds something that is no generator, or that is not allowed.

    Example:
        >>> load_generator("no_such_bundle")
        Traceback (most recent call last):
            ...
        FileNotFoundError: no generator 'no_such_bundle': ...
    """
    folder = find_generator(name_or_dir)
    with torch.random.fork_rng(devices=[]):  # first weights are drawn at random, then replaced
        generator = build_generator(_read_config(folder))
    weights = folder / WEIGHTS_FILE
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        generator.get_submodule("network").load_state_dict(state)
    except Exception as error:  # torch raises many types here; each means that these weights cannot be used
        raise ValueError(
            f"{weights} cannot be read as the weights of {folder / NETWORK_FILE}: it may be truncated or of another "
            f"network, or hold more than tensors, which is never run; train or copy it again. ({type(error).__name__})"
        ) from error
    return generator.to(device).eval()


def save_generator(
    folder: str | os.PathLike[str],
    generator: ConditionalGenerator,
    *,
    weights: Mapping[str, torch.Tensor] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write a folder that `load_generator` reads; each file is written aside and renamed, so none is ever half there.

    Args:
        folder: created if need be; files of an earlier save are replaced.
        generator: its family and what it is built of must be those of this package.
        weights: state dict of its network, if another is to be saved than its own: a moving average, half precision.
        metadata: anything that JSON can hold; versions of MONAI, torch and this package are added.

    Returns:
        The folder.

    Raises:
        ValueError: if the generator could not be loaded again.

    Example:
        >>> import tempfile
        >>> from monai_genaug.generators import Pix2PixGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import Pix2PixUNet
        >>> generator = Pix2PixGenerator(Pix2PixUNet(2, 1, 1, levels=2, base_features=4), BinaryEncoding())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load_generator(save_generator(folder, generator)).name
        'Pix2PixGenerator'
    """
    import monai

    from monai_genaug import __version__

    config = describe_generator(generator)
    root = Path(folder)
    versions = {"genaug_version": __version__, "monai_version": monai.__version__, "pytorch_version": torch.__version__}
    state = generator.get_submodule("network").state_dict() if weights is None else weights
    cpu_state = {key: value.detach().cpu() for key, value in state.items()}
    content = json.dumps({**(metadata or {}), **versions}, indent=2, default=str)
    with replacing(root / NETWORK_FILE) as hidden:
        hidden.write_text(yaml.safe_dump(config, sort_keys=False))
    with replacing(root / METADATA_FILE) as hidden:
        hidden.write_text(content + "\n")
    with replacing(root / WEIGHTS_FILE) as hidden, hidden.open("wb") as file:
        torch.save(cpu_state, file)  # of a path it would keep the name, and equal weights would have another digest
    return root


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / NETWORK_FILE
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is no valid YAML: {error}") from error
    if not isinstance(config, dict) or not {"network_def", "generator"} <= config.keys():
        raise ValueError(f"{path} must define 'network_def' and 'generator'; it is not of monai_genaug.")
    return config
