"""A store of earlier synthetic images for discriminators."""

from __future__ import annotations

import torch
from torch import Tensor

from monai_genaug._checks import check_at_least


class ImagePool:
    """Gives a discriminator earlier synthetic images now and then, so that it does not forget them.

    Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through Adversarial Training", section
    2.3, as Zhu et al. 2017 use it: once it is full, each new image is, with probability one half, exchanged for a
    random one of the pool. It draws from torch's global generator, and has a state dict for checkpoints.

    Args:
        size: images that it holds; 0 gives back what comes.

    Raises:
        ValueError: if `size` is negative.

    Example:
        >>> pool = ImagePool(2)
        >>> pool.exchange(torch.ones(3, 1, 2, 2)).shape
        torch.Size([3, 1, 2, 2])
    """

    def __init__(self, size: int = 50) -> None:
        check_at_least(0, pool_size=size)
        self.size = size
        self.images: list[Tensor] = []

    def exchange(self, images: Tensor) -> Tensor:
        """Take images (B, C, *S) and give as many, some of them earlier ones; detached, on their device."""
        given = []
        for image in images.detach():
            if len(self.images) < self.size:
                self.images.append(image.clone())
                given.append(image)
            elif self.size and torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                given.append(self.images[place].to(image))
                self.images[place] = image.clone()
            else:
                given.append(image)
        return torch.stack(given)

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Give what it holds."""
        return {"images": list(self.images)}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        """Hold what another pool held; images go to the device of those that are exchanged."""
        self.images = list(state["images"])
