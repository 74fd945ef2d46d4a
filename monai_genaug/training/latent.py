"""What MONAI's `SupervisedTrainer` needs to train an autoencoder, and what is done between it and diffusion."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import torch
from monai.engines import PrepareBatch
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least
from monai_genaug._tensors import take_from_batch
from monai_genaug.networks.autoencoder import KLAutoencoder, Reconstruction
from monai_genaug.training.processes import mean_over_processes

logger = logging.getLogger(__name__)


class AutoencoderPrepareBatch(PrepareBatch):
    """Takes images out of a batch, as input and as target of an autoencoder, for MONAI's trainers and evaluators.

    Example:
        >>> AutoencoderPrepareBatch()({"image": torch.tensor([0.0, 0.5])}, device="cpu")
        (tensor([-1.,  0.]), tensor([-1.,  0.]))
    """

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Give images (B, C, *S) in [-1, 1] twice, of images in [0, 1], on the device."""
        [image] = take_from_batch(batchdata, ("image",), device, non_blocking, **kwargs)
        image = 2.0 * image - 1.0
        return image, image


class AutoencoderLoss(nn.Module):
    """Mean absolute difference and weighted Kullback-Leibler divergence of the posterior to a standard normal.

    Rombach et al. 2022, appendix G, without the adversarial and the perceptual term. The divergence is a sum over an
    image's latents, divided by the number of the image's values, so that its share does not depend on sizes.

    Args:
        kl_weight: of the divergence; as small as in the paper it does no more than to keep latents from growing.

    Raises:
        ValueError: if the weight is below 0.

    Example:
        >>> drawn = Reconstruction(torch.zeros(1, 1, 4, 4), mean=torch.ones(1, 2, 2, 2), log_variance=torch.zeros(()))
        >>> AutoencoderLoss(kl_weight=0.5)(drawn, torch.ones(1, 1, 4, 4))
        tensor(1.1250)
    """

    def __init__(self, kl_weight: float = 1e-6) -> None:
        super().__init__()
        check_at_least(0, kl_weight=kl_weight)
        self.kl_weight = kl_weight

    def forward(self, made: Reconstruction, image: Tensor) -> Tensor:
        """Give the loss, a scalar, of what a `KLAutoencoder` made of an image (B, C, *S)."""
        mean, log_variance = made.mean.float(), made.log_variance.float()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum()
        return functional.l1_loss(made.image, image) + self.kl_weight * divergence / image.numel()


@torch.no_grad()
def fit_scale(autoencoder: KLAutoencoder, loader: Iterable[Mapping[str, Any]], *, batches: int = 16) -> None:
    """End the first stage: measure the latents of training images, and freeze the autoencoder.

    Shift and scale become what gives the latents of the first batches the mean 0 in each channel and altogether the
    standard deviation 1. They depend on weights and loader alone, so a training that goes on measures them again alike;
    where several processes train together, all take the mean over these.

    Args:
        autoencoder: that is trained.
        loader: gives batches with image (B, C, *S) in [0, 1]; its epoch is set to the first, if it has a `set_epoch`.
        batches: how many of them are measured, at most.

    Raises:
        ValueError: if there are no batches, or latents do not differ or are not finite.

    Example:
        >>> autoencoder = KLAutoencoder(2, image_channels=1, channels=(8, 16), norm_groups=4)
        >>> images = torch.rand(4, 1, 16, 16)
        >>> fit_scale(autoencoder, [{"image": images}])
        >>> round(float(autoencoder.encode(2 * images - 1).std()), 2)
        1.0
    """
    check_at_least(1, batches=batches)
    if hasattr(loader, "set_epoch"):
        loader.set_epoch(1)
    autoencoder.eval().requires_grad_(False)
    sums: list[tuple[Tensor, Tensor]] = []
    for batch in islice(loader, batches):
        [image] = take_from_batch(batch, ("image",), autoencoder.scale.device, False)
        mean = autoencoder.posterior(2.0 * image - 1.0)[0].double().transpose(0, 1).flatten(1)  # (Z, N)
        sums.append((mean.mean(dim=1), mean.square().mean(dim=1)))
    if not sums:
        raise ValueError("there is nothing to measure latents of, expected a loader with a batch of images or more.")
    firsts, seconds = (torch.stack(moments).mean(dim=0) for moments in zip(*sums, strict=True))
    moments = mean_over_processes({"first": firsts, "second": seconds})
    variance = (moments["second"] - moments["first"].square()).mean()
    if not 1e-12 < variance < float("inf"):
        raise ValueError(
            f"the latents of the training images have the variance {variance.item():g}, expected one above 0: train "
            "the autoencoder longer, with a lower learning rate or a lower kl_weight."
        )
    autoencoder.shift.copy_(moments["first"].reshape(autoencoder.shift.shape))
    autoencoder.scale.copy_(variance.rsqrt())
    logger.info("the latents of %d batches have the standard deviation %.3g.", len(sums), variance.sqrt().item())
