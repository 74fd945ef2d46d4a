"""What MONAI's `SupervisedTrainer` needs to train a conditional variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import PrepareBatch, Trainer
from monai.engines.utils import IterationEvents
from torch import Tensor, nn

from monai_genaug._checks import check_at_least, check_probability
from monai_genaug._tensors import take_from_batch
from monai_genaug.generators.cvae import CVAEGenerator
from monai_genaug.networks.conditional_vae import ConditionalVAE

Gaussian = tuple[Tensor, Tensor]  # mean and log standard deviation


class CVAETraining(nn.Module):
    """Passes images through posterior and decoder of a network; one pass, that `DistributedDataParallel` can wrap.

    Args:
        generator: its `network` is trained; latents are drawn from torch's global generator.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> network = ConditionalVAE(2, 1, 1, levels=2, base_features=4)
        >>> training = CVAETraining(CVAEGenerator(network, BinaryEncoding()))
        >>> condition, image = torch.ones(2, 1, 8, 8), torch.rand(2, 1, 8, 8)
        >>> {name: tuple(part.shape) for name, part in training(condition, image).items()}
        {'mean': (2, 1, 8, 8), 'log_deviation': (2, 1, 8, 8), 'kl': (2, 2, 2)}
    """

    def __init__(self, generator: CVAEGenerator) -> None:
        super().__init__()
        self.network = generator.network

    def forward(self, condition: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Give what the evidence lower bound is made of.

        Args:
            condition: (B, K, *S), in [0, 1], S multiples of the network's stride, at least its least size.
            image: (B, C, *S) in [-1, 1].

        Returns:
            ``mean`` and ``log_deviation`` (B, C, *S) of the image, and ``kl``, see `infer`.
        """
        latent, _, kl = self.infer(condition, image)
        mean, log_deviation = self.network.decode(latent, condition)
        return {"mean": mean, "log_deviation": log_deviation, "kl": kl}

    def infer(self, condition: Tensor, image: Tensor) -> tuple[Tensor, Gaussian, Tensor]:
        """Draw latents (B, G + Z, *s) from the posterior.

        Args:
            condition: as of `forward`.
            image: as of `forward`.

        Returns:
            The latents, the prior, and the KL divergence of the posterior from it at each position, (B, *s) in nats,
            whose sum over the positions is that of an image.
        """
        prior = self.network.prior(condition)
        posterior = self.network.posterior(torch.cat((image, condition), dim=1))
        maps = gaussian_kl(posterior, prior)  # (B, G + Z, *s)
        constant, positions = self.network.noise.latent, maps[0, 0].numel()
        kl = maps[:, :constant].sum(dim=1) / positions + maps[:, constant:].sum(dim=1)  # the first are drawn once only
        return draw(posterior, self.network), prior, kl


class EvidenceLoss:
    """Raises the evidence lower bound of a Gaussian likelihood whose deviations are learned too.

    Its terms are in nats per image value: divided by the C x voxels values of an image, so that sizes compare.

    A network that gives mean and deviation of each voxel in one likelihood learns a large deviation where its mean is
    poor, which takes away the gradient that would mend the mean (Seitzer et al. 2022, "On the Pitfalls of
    Heteroscedastic Uncertainty Estimation with Probabilistic Neural Networks"). So the mean is trained with one
    deviation for each channel of the batch, the best one (Rybkin et al. 2021, "Simple and Effective VAE Training with
    Calibrated Decoders", the optimal sigma-VAE), and the deviation of each voxel for what the mean leaves, the mean
    held fixed (Stirn et al. 2023, "Faithful Heteroscedastic Regression with Neural Networks"). The loss is the sum of
    both negative log-likelihoods and the KL divergence; the bound is told beside it.

    The weight of the KL divergence rises linearly from 0 in the first part of a training, and what it has below
    `free_nats` costs nothing, else latents may be given up before the decoder has learned to use them (Bowman et al.
    2016, "Generating Sentences from a Continuous Space", section 3.1; Kingma et al. 2016, "Improved Variational
    Inference with Inverse Autoregressive Flow", eq. 15, here for all latents together).

    Beside the loss function it is the handler that sets that weight, by the number of the iteration alone, and puts the
    terms into the trainer's output, for logs: ``mean_nll`` that trains the mean, ``nll`` of the network's own
    deviations, ``kl``, ``elbo``, the negative sum of the last two, and ``kl_weight``.

    Args:
        beta: weight of the KL divergence in the end; 1 as in the bound.
        warm_up: share of the iterations in which the weight rises, in [0, 1].
        free_nats: KL divergence, in nats for each position of the latent maps, that costs nothing.
        least_deviation: of a channel, images in [-1, 1]; a soft bound, at least 0.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> zeros = torch.zeros(1, 1, 2, 2)
        >>> parts = {"mean": zeros, "log_deviation": zeros, "kl": torch.ones(1, 1, 1)}
        >>> EvidenceLoss(least_deviation=0)(parts, zeros + 1)  # twice log(2 pi) / 2 + 1 / 2, and 1 / 4
        tensor(3.0879)
    """

    def __init__(
        self, beta: float = 1.0, warm_up: float = 0.25, *, free_nats: float = 0.5, least_deviation: float = 0.02
    ) -> None:
        check_at_least(0, beta=beta, free_nats=free_nats, least_deviation=least_deviation)
        self.beta, self.warm_up = beta, check_probability("warm_up", warm_up)
        self.free_nats, self.least_deviation = free_nats, least_deviation
        self.weight = beta
        self.terms: dict[str, Tensor] = {}

    def __call__(self, pred: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Give the loss, a scalar.

        Args:
            pred: of `CVAETraining`.
            target: images (B, C, *S) in [-1, 1].
        """
        mean = pred["mean"].float()
        variance = (target - mean).square().transpose(0, 1).flatten(1).mean(dim=1) + self.least_deviation**2  # (C,)
        mean_nll = 0.5 * (variance.log().mean() + math.log(2.0 * math.pi) + 1.0)
        nll = gaussian_nll(target, (mean.detach(), pred["log_deviation"])).mean()
        kl, share = pred["kl"].mean(), pred["kl"][0].numel() / target[0].numel()  # positions to image values
        terms = {"mean_nll": mean_nll, "nll": nll, "kl": share * kl, "elbo": -(nll + share * kl)}
        self.terms = {name: term.detach() for name, term in terms.items()}
        return mean_nll + nll + self.weight * share * kl.clamp_min(self.free_nats)

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.ITERATION_STARTED, self.set_weight)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self.tell)

    def set_weight(self, engine: Trainer) -> None:
        """Set the weight of this iteration."""
        self.weight = self.beta * warm_up_factor(engine, self.warm_up)

    def tell(self, engine: Trainer) -> None:
        """Put the terms of this iteration into the engine's output."""
        engine.state.output.update(self.terms, kl_weight=self.weight)


class CVAEPrepareBatch(PrepareBatch):
    """Makes conditions and images in [-1, 1] out of a batch, for a trainer with `CVAETraining` and `EvidenceLoss`.

    Args:
        generator: its encoding makes the conditions.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> prepare = CVAEPrepareBatch(CVAEGenerator(ConditionalVAE(2, 1, 1, base_features=4), BinaryEncoding()))
        >>> batch = {"image": torch.ones(1, 1, 1, 1), "label": torch.full((1, 1, 1, 1), 7)}
        >>> prepare(batch, device="cpu")
        (tensor([[[[1.]]]]), tensor([[[[1.]]]]), (tensor([[[[1.]]]]),), {})
    """

    def __init__(self, generator: CVAEGenerator) -> None:
        self.generator = generator

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor, tuple[Tensor], dict[str, Any]]:
        """Give condition (B, K, *S), image (B, C, *S) as target, and the image again for the posterior, on the device.

        Args:
            batchdata: with image (B, C, *S) in [0, 1] and label (B, 1, *S).
            device: where they go.
            non_blocking: as for `Tensor.to`.
            kwargs: more of these.
        """
        image, label = take_from_batch(batchdata, ("image", "label"), device, non_blocking, **kwargs)
        target = 2.0 * image - 1.0
        return self.generator.encode(label), target, (target,), {}


def warm_up_factor(engine: Trainer, share: float) -> float:
    """Give the part, in (0, 1], that a weight has reached in an engine's iteration, rising linearly from the first on.

    Args:
        engine: in its iteration ``state.iteration``, counted from 1.
        share: of all iterations in which it rises, in [0, 1].
    """
    rising = share * engine.state.max_epochs * engine.state.epoch_length
    return min(1.0, engine.state.iteration / rising) if rising > 0 else 1.0


def draw(gaussian: Gaussian, network: ConditionalVAE) -> Tensor:
    """Draw latents (B, G + Z, *s) with torch's global generator, the first G constant over space."""
    mean, log_std = gaussian
    return mean + log_std.exp() * network.noise.draw(mean)  # eq. 10, Kingma & Welling 2014


def gaussian_kl(q: Gaussian, p: Gaussian) -> Tensor:
    """Give the KL divergence of q from p for each of independent normal variables, in nats.

    Args:
        q: mean and log standard deviation, of any shape.
        p: likewise.

    Example:
        >>> zero, one = torch.zeros(1), torch.ones(1)
        >>> gaussian_kl((one, zero), (zero, zero))
        tensor([0.5000])
    """
    (q_mean, q_log_std), (p_mean, p_log_std) = ([part.float() for part in gaussian] for gaussian in (q, p))
    ratio = q_log_std - p_log_std
    return 0.5 * ((2.0 * ratio).exp() + ((q_mean - p_mean) / p_log_std.exp()).square() - 1.0) - ratio


def gaussian_nll(x: Tensor, gaussian: Gaussian) -> Tensor:
    """Give the negative log-likelihood of each value of x under a normal distribution, in nats.

    Example:
        >>> gaussian_nll(torch.ones(1), (torch.zeros(1), torch.zeros(1)))
        tensor([1.4189])
    """
    mean, log_std = (part.float() for part in gaussian)
    return 0.5 * ((x - mean) / log_std.exp()).square() + log_std + 0.5 * math.log(2.0 * math.pi)
