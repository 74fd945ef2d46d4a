"""Rectified flow as a conditional generator."""

from __future__ import annotations

import torch
from torch import Tensor

from monai_genaug._checks import check_at_least, check_choice
from monai_genaug.diffusion.flow import SOLVERS
from monai_genaug.diffusion.noise import RowNoise
from monai_genaug.generators.denoising import DenoisingGenerator, NoisyImages, draw_times
from monai_genaug.masks.encodings import LabelEncoding
from monai_genaug.networks.diffusion_unet import DiffusionUNet

FIRST = 0  # timestep of the only noise


class RectifiedFlowGenerator(DenoisingGenerator):
    """Makes an image from a mask by moving noise along straight paths to images (Liu et al. 2023).

    Args:
        network: predicts the velocity from noise to image.
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.
        solver: ``"euler"``, or ``"heun"`` with two passes of the network a step but the last.
        steps: of the solver, at least 1; few suffice.
        guidance: scale of classifier-free guidance; 1 for none.

    Raises:
        ValueError: if an argument is out of its range, or does not fit the others.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> network = DiffusionUNet(2, in_channels=1, out_channels=1, channels=(8, 16), norm_groups=4)
        >>> generator = RectifiedFlowGenerator(network, BinaryEncoding(), steps=2)
        >>> label = torch.zeros(1, 1, 20, 30, dtype=torch.int64)
        >>> generator.sample(generator.encode(label), seeds=[1]).shape
        torch.Size([1, 1, 20, 30])
    """

    def __init__(
        self,
        network: DiffusionUNet,
        encoding: LabelEncoding,
        *,
        solver: str = "heun",
        steps: int = 5,
        guidance: float = 1.0,
    ) -> None:
        super().__init__(network, encoding, guidance=guidance)
        check_at_least(1, steps=steps)
        check_choice("solver", solver, SOLVERS)
        self.solver, self.steps = SOLVERS[solver], steps

    def denoise(self, condition: Tensor, noise: RowNoise) -> Tensor:
        """Make images (B, C, *S) in [-1, 1] from conditions (B, K, *S) and noise (B, C, *S)."""
        return self.solver(lambda x, t: self.predict(condition, x, 1.0 - t), noise(FIRST), self.steps)

    def add_noise(self, image: Tensor) -> NoisyImages:
        """Draw times and noise from torch's global generator, for training; images (B, C, *S) in [-1, 1]."""
        time, noise = draw_times(image), torch.randn_like(image)
        share = time.reshape(-1, *(1,) * (image.ndim - 1))
        return NoisyImages(x=torch.lerp(image, noise, share), time=time, target=image - noise)
