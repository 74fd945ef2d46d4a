"""Generator folders: writing them, and loading them without running what they say."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from monai_genaug._rebuildable import config_of
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.pix2pix import Pix2PixGenerator
from monai_genaug.masks.encodings import BinaryEncoding, OneHotEncoding
from monai_genaug.networks.pix2pix_unet import Pix2PixUNet

NETWORK_FILE, METADATA_FILE, WEIGHTS_FILE = "configs/network.yaml", "configs/metadata.json", "models/model.pt"
TRAIN_FILE = "configs/train.yaml"
REGISTRY: dict[str, type] = {
    f"{cls.__module__}.{cls.__qualname__}": cls
    for cls in (Pix2PixGenerator, Pix2PixUNet, BinaryEncoding, OneHotEncoding)
}
_PACKAGE = Path(__file__).parents[1]
_CHECKOUT = _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").is_file() else _PACKAGE
SHIPPED = (_PACKAGE / "bundles", _CHECKOUT / "bundles")  # in a wheel, in a checkout
MAX_NODES = 500
_UNFINISHED = object()
_REFERENCE = re.compile(r"@[A-Za-z]\w*")


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
            f"network; train or copy it again. ({type(error).__name__})"
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
        >>> from monai_genaug.masks import BinaryEncoding
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
    _replace(root / NETWORK_FILE, lambda path: path.write_text(yaml.safe_dump(config, sort_keys=False)))
    _replace(root / METADATA_FILE, lambda path: path.write_text(content + "\n"))
    _replace(root / WEIGHTS_FILE, lambda path: torch.save(cpu_state, path))
    return root


def describe_generator(generator: ConditionalGenerator) -> dict[str, Any]:
    """Give what goes into a generator folder's ``configs/network.yaml``.

    Args:
        generator: built of this package's classes.

    Raises:
        ValueError: if it is built of others, which could not be loaded again.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> generator = Pix2PixGenerator(Pix2PixUNet(2, 1, 1, levels=2, base_features=4), BinaryEncoding())
        >>> list(describe_generator(generator))
        ['spatial_dims', 'image_channels', 'condition_channels', 'network_def', 'generator']
    """
    built = config_of(generator)
    config = {
        "spatial_dims": generator.spatial_dims,
        "image_channels": generator.image_channels,
        "condition_channels": generator.condition_channels,
        "network_def": built.get("network"),
        "generator": {**built, "network": "@network_def"},
    }
    _check_config(config, f"{generator.name} cannot be saved")
    return config


def build_generator(config: Mapping[str, Any]) -> ConditionalGenerator:
    """Build an untrained generator from a config with ``network_def`` and ``generator``.

    Args:
        config: as in a generator folder's ``configs/network.yaml``.

    Returns:
        The generator; its network is at ``generator.network``.

    Raises:
        ValueError: for ``$`` expressions, macros, and classes outside the registry.
    """
    _check_config(dict(config), NETWORK_FILE)
    generator = _build(config["generator"], config, {})
    if not isinstance(generator, ConditionalGenerator):
        raise ValueError(f"'generator' in {NETWORK_FILE} builds a {type(generator).__name__}, no generator.")
    return generator


def find_generator(name_or_dir: str | os.PathLike[str]) -> Path:
    """Find a generator's folder by its path or by the name of a shipped bundle; see `load_generator`."""
    folder = _find_folder(name_or_dir)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no generator {os.fspath(name_or_dir)!r}: expected the folder that training wrote (with {NETWORK_FILE} "
            f"and {WEIGHTS_FILE}) or one that is shipped, {_shipped_names()}; check the path, or train one."
        )
    if not is_generator(folder):
        missing = [name for name in (NETWORK_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
        held = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise FileNotFoundError(
            f"{folder} is no generator folder: {' and '.join(missing)} missing (it holds {held}); "
            "pass the output_dir of a finished training run."
        )
    folder = folder.resolve()
    for name in (NETWORK_FILE, WEIGHTS_FILE):
        target = (folder / name).resolve()
        if not target.is_relative_to(folder):
            raise ValueError(
                f"{folder / name} is a link to {target}, outside the generator's folder: copy the file into it."
            )
    return folder


def find_bundle(name_or_dir: str | os.PathLike[str]) -> Path:
    """Find a bundle that can be trained, by the path of its folder or by the name of a shipped one.

    Raises:
        FileNotFoundError: if there is none.

    Example:
        >>> find_bundle("nuclei_pix2pix").name
        'nuclei_pix2pix'
    """
    folder = _find_folder(name_or_dir)
    if not (folder / TRAIN_FILE).is_file():
        raise FileNotFoundError(
            f"no bundle {os.fspath(name_or_dir)!r}: expected one of {_shipped_names()}, or a folder with {TRAIN_FILE}."
        )
    return folder.resolve()


def _find_folder(name_or_dir: str | os.PathLike[str]) -> Path:
    text = os.fspath(name_or_dir)
    folder = Path(text).expanduser()
    if not folder.is_dir() and re.fullmatch(r"\w+", text):
        folder = next((root / text for root in SHIPPED if (root / text).is_dir()), folder)
    return folder


def _shipped_names() -> str:
    return ", ".join(sorted({path.parents[1].name for root in SHIPPED for path in root.glob(f"*/{NETWORK_FILE}")}))


def is_generator(folder: Path) -> bool:
    """Tell whether a folder has the files of a generator."""
    return all((folder / name).is_file() for name in (NETWORK_FILE, WEIGHTS_FILE))


def digest_generator(folder: Path) -> str:
    """Hash the files that determine a generator's images; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in (NETWORK_FILE, WEIGHTS_FILE):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / NETWORK_FILE
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is no valid YAML: {error}") from error
    if not isinstance(config, dict) or not {"network_def", "generator"} <= config.keys():
        raise ValueError(f"{path} must define 'network_def' and 'generator'; it is not of monai_genaug.")
    return config


def _check_config(node: Any, where: str, seen: list[None] | None = None) -> None:
    """Refuse whatever a MONAI bundle's parser would execute, import or read, wherever it stands."""
    seen = [] if seen is None else seen
    seen.append(None)
    if len(seen) > MAX_NODES:
        raise ValueError(f"{where} holds more than {MAX_NODES} entries, which no generator's config does.")
    if isinstance(node, dict):
        for key, value in node.items():
            if not isinstance(key, str) or (key.startswith(("_", "+", "~")) and key != "_target_") or "::" in key:
                raise ValueError(f"{where}: the key {key!r} is not allowed in a generator's config.")
            if key == "_target_" and (not isinstance(value, str) or value not in REGISTRY):
                raise ValueError(
                    f"{where}: _target_ {value!r} is not allowed, expected one of {', '.join(sorted(REGISTRY))}: "
                    "for a network of your own wrap it in ModuleGenerator and pass that."
                )
            _check_config(value, where, seen)
    elif isinstance(node, list | tuple):
        for value in node:
            _check_config(value, where, seen)
    elif isinstance(node, str):
        if node.strip().startswith(("$", "%", "<<")) or (node.startswith("@") and not _REFERENCE.fullmatch(node)):
            raise ValueError(f"{where}: {node!r} is not allowed: expressions and macros are never run in a generator.")
    elif not isinstance(node, int | float | bool | type(None)):
        raise ValueError(f"{where}: a value of type {type(node).__name__} is not allowed in a generator's config.")


def _build(node: Any, config: Mapping[str, Any], built: dict[str, Any]) -> Any:
    """Build what a checked node describes; an entry that is referred to with ``@`` is built once."""
    if isinstance(node, str) and node.startswith("@"):
        name = node[1:]
        if built.setdefault(name, _UNFINISHED) is _UNFINISHED:
            if name not in config:
                raise ValueError(f"{NETWORK_FILE}: {node} refers to nothing: define {name!r} beside 'generator'.")
            built[name] = _build(config[name], {key: value for key, value in config.items() if key != name}, built)
        return built[name]
    if isinstance(node, list | tuple):
        return [_build(value, config, built) for value in node]
    if not isinstance(node, dict):
        return node
    arguments = {key: _build(value, config, built) for key, value in node.items() if key != "_target_"}
    if "_target_" not in node:
        return arguments
    try:
        return REGISTRY[node["_target_"]](**arguments)
    except (TypeError, AttributeError, RuntimeError, MemoryError, OverflowError) as error:
        raise ValueError(f"{NETWORK_FILE}: {node['_target_']} cannot be built: {error}") from error


def _replace(path: Path, write: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
