"""A trained segmentation network in use, and loading one from the folder of its training."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from monai.bundle import ConfigParser
from monai.inferers import Inferer
from torch import Tensor, nn

from monai_genaug.generators.base import evaluating
from monai_genaug.generators.folders import WEIGHTS_FILE
from monai_genaug.training.bundle import read_configs

SEGMENTER = "nuclei_unet"
ENCODERS = {  # of each network in its network.yaml: the first convolution of every level, from fine to coarse
    "@unet": re.compile(r"model\.(1\.submodule\.)*(0\.)?conv\.unit0\.conv\.weight"),
    "@dynunet": re.compile(r"(input_block|downsamples\.\d+|bottleneck)\.conv1\.conv\.weight"),
}


class Segmenter(NamedTuple):
    """A trained network with the sliding window that it is used with.

    Args:
        network: gives logits of the foreground (B, 1, *S).
        inferer: called as ``inferer(images, network)``.
        seconds: that its training took, interruptions left out; 0 where that is not known.
        view: makes of an image what the network is shown; None: the image itself.
    """

    network: nn.Module
    inferer: Inferer
    seconds: float = 0.0
    view: Callable[[Tensor], Tensor] | None = None

    @torch.no_grad()
    def predict(self, image: Tensor) -> Tensor:
        """Segment one whole image (C, *S) in [0, 1] of any size; gives (1, *S), bool, on the CPU."""
        device = next(self.network.parameters()).device
        seen = image if self.view is None else self.view(image)
        with evaluating(self.network):
            logits: Tensor = self.inferer(seen[None].to(device), self.network)
        return (logits[0] > 0).cpu()


def load_segmenter(folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> Segmenter:
    """Load a network that was trained as bundles/nuclei_unet says.

    Which of its two networks it is, its channels, dimensions and features are told from its weights, which are read
    with ``weights_only=True``. Windows are 256 pixels wide in 2D and 96 voxels in 3D, as those of a network that was
    trained on crops of at most this size.

    Args:
        folder: output folder of the training; holds ``models/model.pt``.
        device: where the network goes.

    Returns:
        The segmenter.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read, or holds the weights of another network.

    Example:
        >>> load_segmenter("no_such_folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: no_such_folder/models/model.pt does not exist, ...
    """
    file = Path(folder).expanduser() / WEIGHTS_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} does not exist, expected the output folder of a training of {SEGMENTER}: check its path."
        )
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        parser = _configure(_read_settings(state))
        with torch.random.fork_rng(devices=[]):  # first weights are drawn at random, then replaced
            network: nn.Module = parser.get_parsed_content("network_def")
        network.load_state_dict(state)
    except Exception as error:  # torch raises many types here; each means that the file cannot be used
        raise ValueError(
            f"{file} cannot be read as the weights of a U-Net of {SEGMENTER}: it may be truncated, or of another "
            f"network; pass the output folder of its training. ({type(error).__name__})"
        ) from error
    return Segmenter(network.to(device).eval(), parser.get_parsed_content("inferer"))


def _read_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Tell from weights what was set of the network."""
    for network, pattern in ENCODERS.items():
        shapes = [tuple(value.shape) for key, value in state.items() if pattern.fullmatch(key)]
        if shapes:
            return {
                "network_def": network,
                "spatial_dims": len(shapes[0]) - 2,
                "image_channels": shapes[0][1],
                "features": [shape[0] for shape in shapes],
                "crop_size": 1,  # is not known: windows of the least size
            }
    raise ValueError("no U-Net's weights")


def _configure(settings: Mapping[str, Any]) -> ConfigParser:
    """Read the bundle's configs with these settings."""
    parser = read_configs(SEGMENTER)
    for name, value in settings.items():
        parser[name] = value
    return parser
