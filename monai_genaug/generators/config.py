"""Configs of generators: describing what was built, and building it again without running anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from monai_genaug._rebuildable import config_of
from monai_genaug.generators.backgrounds import BackgroundGenerator
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.cvae import CVAEGenerator
from monai_genaug.generators.cyclegan import CycleGANGenerator
from monai_genaug.generators.diffusion import DiffusionGenerator
from monai_genaug.generators.editing import EditingGenerator
from monai_genaug.generators.folders import NETWORK_FILE
from monai_genaug.generators.latent_diffusion import LatentDiffusionGenerator
from monai_genaug.generators.pix2pix import Pix2PixGenerator
from monai_genaug.generators.rectified_flow import RectifiedFlowGenerator
from monai_genaug.generators.spade import SPADEGenerator
from monai_genaug.masks.encodings import BinaryEncoding, InstanceEncoding, OneHotEncoding
from monai_genaug.networks.autoencoder import KLAutoencoder
from monai_genaug.networks.backgrounds import BackgroundBank
from monai_genaug.networks.conditional_vae import ConditionalVAE
from monai_genaug.networks.cycle import CycleNetworks
from monai_genaug.networks.diffusion_unet import DiffusionUNet
from monai_genaug.networks.latent import LatentDiffusionUNet
from monai_genaug.networks.pix2pix_unet import Pix2PixUNet
from monai_genaug.networks.resnet_generator import ResNetGenerator
from monai_genaug.networks.spade_generator import SPADEResNet

REGISTRY: dict[str, type] = {
    f"{cls.__module__}.{cls.__qualname__}": cls
    for cls in (
        *(Pix2PixGenerator, Pix2PixUNet),
        *(SPADEGenerator, SPADEResNet),
        *(EditingGenerator, BackgroundGenerator, BackgroundBank),
        *(CVAEGenerator, ConditionalVAE),
        *(CycleGANGenerator, CycleNetworks, ResNetGenerator),
        *(DiffusionGenerator, RectifiedFlowGenerator, DiffusionUNet),
        *(LatentDiffusionGenerator, LatentDiffusionUNet, KLAutoencoder),
        *(BinaryEncoding, OneHotEncoding, InstanceEncoding),
    )
}
MAX_NODES = 500
_UNFINISHED = object()
_REFERENCE = re.compile(r"@[A-Za-z]\w*")


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
    built, network = _take_network(config_of(generator))
    config = {
        "spatial_dims": generator.spatial_dims,
        "image_channels": generator.image_channels,
        "condition_channels": generator.condition_channels,
        "network_def": network,
        "generator": built,
    }
    _check_config(config, f"{generator.name} cannot be saved")
    return config


def _take_network(built: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Put a reference in the place of a generator's network, or of the network of the generator that it holds."""
    if "generator" in built:
        inner, network = _take_network(built["generator"])
        return {**built, "generator": inner}, network
    return {**built, "network": "@network_def"}, built.get("network")


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
