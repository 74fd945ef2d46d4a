"""Pixel-space diffusion as a conditional generator."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from monai_genaug._checks import check_choice, check_probability
from monai_genaug.diffusion.noise import RowNoise
from monai_genaug.diffusion.samplers import SAMPLERS, check_every_timestep, ddim, spaced_timesteps
from monai_genaug.diffusion.schedules import PREDICTIONS, SCHEDULES
from monai_genaug.generators.denoising import DenoisingGenerator, DenoisingNetwork, NoisyImages, draw_times
from monai_genaug.masks.encodings import LabelEncoding


class DiffusionGenerator(DenoisingGenerator):
    """Makes an image from a mask by taking noise out of noise, timestep by timestep (Ho et al. 2020).

    The network's estimate of the image is held to [-1, 1] at each step. A trained network can be used with any sampler
    and number of steps; schedule, timesteps and prediction are those of its training.

    Args:
        network: predicts noise, v or the image.
        encoding: the label encoding that the network was trained with; its channels are the network's `in_channels`.
        schedule: ``"cosine"`` or ``"linear"``, see `monai_genaug.diffusion.schedules`.
        timesteps: T of the training; at least 21 for the linear schedule.
        prediction: of the network: ``"v"``, ``"epsilon"`` or ``"x0"``. Epsilon says next to nothing of the image where
            noise is strong, so that after a short training images are too bright or too dark as a whole.
        sampler: ``"dpm_solver"``, ``"ddim"`` or ``"ddpm"``.
        steps: of the sampler, from 1 to `timesteps`; ddpm needs all.
        eta: for ddim, from 0 (no noise but the first) to 1.
        guidance: scale of classifier-free guidance; 1 for none.

    Raises:
        ValueError: if an argument is out of its range, or does not fit the others.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import DiffusionUNet
        >>> network = DiffusionUNet(2, in_channels=1, out_channels=1, channels=(8, 16), norm_groups=4)
        >>> generator = DiffusionGenerator(network, BinaryEncoding(), steps=2)
        >>> label = torch.zeros(1, 1, 20, 30, dtype=torch.int64)
        >>> generator.sample(generator.encode(label), seeds=[1]).shape
        torch.Size([1, 1, 20, 30])
    """

    bound: float | None = 1.0  # to which an estimate of what is noised is held

    def __init__(
        self,
        network: DenoisingNetwork,
        encoding: LabelEncoding,
        *,
        schedule: str = "cosine",
        timesteps: int = 1000,
        prediction: str = "v",
        sampler: str = "dpm_solver",
        steps: int = 20,
        eta: float = 0.0,
        guidance: float = 1.0,
    ) -> None:
        super().__init__(network, encoding, guidance=guidance)
        check_choice("schedule", schedule, SCHEDULES)
        check_choice("sampler", sampler, SAMPLERS)
        self.prediction = check_choice("prediction", prediction, PREDICTIONS)
        if self.bound is None and (prediction, schedule) == ("epsilon", "cosine"):
            raise ValueError(
                "prediction is 'epsilon' with schedule='cosine', which ends so near to noise alone that it tells "
                f"nothing of latents, of which {self.name} knows no bounds: set prediction='v' or schedule='linear'."
            )
        self.schedule = SCHEDULES[schedule](timesteps)
        self.timesteps = spaced_timesteps(timesteps, steps)
        self.sampler = SAMPLERS[sampler]
        if sampler == "ddpm":
            check_every_timestep(self.timesteps, self.schedule)
        if sampler == "ddim":
            self.sampler = partial(ddim, eta=check_probability("eta", eta))
        elif eta != 0:
            raise ValueError(f"eta is {eta} for sampler={sampler!r}, expected 0: only 'ddim' has an eta.")

    def denoise(self, condition: Tensor, noise: RowNoise) -> Tensor:
        """Make images (B, C, *S) in [-1, 1], or latents, from conditions (B, K, *S) and noise (B, *noise_shape)."""

        def estimate(x: Tensor, t: int) -> Tensor:
            predicted = self.predict(condition, x, t / self.schedule.last)
            x0 = self.schedule.to_x0(predicted, x, t, self.prediction)
            if self.bound is None:
                return x0
            return torch.where(x0.isfinite(), x0.clamp(-self.bound, self.bound), torch.nan)  # must not hide Inf

        return self.sampler(estimate, noise(self.schedule.last), self.schedule, self.timesteps, noise)

    def add_noise(self, image: Tensor) -> NoisyImages:
        """Draw timesteps and noise from torch's global generator, for training; images (B, C, *S) in [-1, 1]."""
        t = 1 + (draw_times(image) * self.schedule.last).long().clamp(max=self.schedule.last - 1)
        noise = torch.randn_like(image)
        return NoisyImages(
            x=self.schedule.add_noise(image, noise, t),
            time=t / self.schedule.last,
            target=self.schedule.target(image, noise, t, self.prediction),
        )
