"""Any image-from-label network of the user's own as a conditional generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from monai_genaug._checks import check_range
from monai_genaug._rng import manual_seed, seeded_randn
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.masks.encodings import LabelEncoding


class ModuleGenerator(ConditionalGenerator):
    """Adapts a network that is called as ``module(condition)`` or ``module(condition, noise)``.

    Args:
        module: takes (B, K, *S) and gives images (B, C, *S).
        spatial_dims: 2 or 3.
        image_channels: channels C of its images.
        encoding: turns label maps into its conditions.
        noise_channels: if above 0, the module's second argument is noise (B, noise_channels, *S).
        draws_noise: the module draws random numbers from torch itself in its forward pass; its rows then run one by
            one, each under its own seed, and the global generators are put back.
        output_range: the values (low, high) that stand for black and white in its images.
        stride: the module takes spatial sizes that are multiples of this.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> blur = nn.AvgPool2d(3, stride=1, padding=1)
        >>> generator = ModuleGenerator(blur, spatial_dims=2, image_channels=1, encoding=BinaryEncoding(),
        ...                             output_range=(0, 1))
        >>> generator.sample(torch.ones(1, 1, 5, 5), seeds=[0])[0, 0, 2, 2].item()
        1.0
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        spatial_dims: int,
        image_channels: int,
        encoding: LabelEncoding,
        noise_channels: int = 0,
        draws_noise: bool = False,
        output_range: tuple[float, float] = (-1.0, 1.0),
        stride: int = 1,
    ) -> None:
        super().__init__(spatial_dims=spatial_dims, image_channels=image_channels, encoding=encoding, stride=stride)
        self.module = module
        self.noise_channels = noise_channels
        self.draws_noise = draws_noise
        self.output_range = check_range("output_range", output_range)
        self._draws_nothing = False  # not yet known

    @property
    def name(self) -> str:
        """What messages call this generator."""
        return f"ModuleGenerator({type(self.module).__name__})"

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1] from conditions (B, K, *S)."""
        inputs = [condition]
        if self.noise_channels:
            inputs.append(seeded_randn((self.noise_channels, *condition.shape[2:]), seeds).to(condition.device))
        low, high = self.output_range
        return (self._call(inputs, seeds) - low) / (high - low)

    def _call(self, inputs: list[Tensor], seeds: Sequence[int]) -> Tensor:
        if self._draws_nothing:
            return self.module(*inputs)
        device = inputs[0].device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            if self.draws_noise:
                rows = []
                for row, seed in enumerate(seeds):
                    manual_seed(seed, device)
                    rows.append(self.module(*(part[row : row + 1] for part in inputs)))
                return torch.cat(rows)
            before = _random_states(device)
            image = self.module(*inputs)
            if not all(map(torch.equal, before, _random_states(device))):
                raise RuntimeError(
                    f"{self.name} drew random numbers of its own, so its images would not follow their seeds: "
                    "pass draws_noise=True, or noise_channels=N and take the noise as second argument."
                )
        self._draws_nothing = True
        return image


def _random_states(device: torch.device) -> list[Tensor]:
    """Give the states of torch's global generators that a module on this device may draw from."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]
