"""The engine of VAE-GAN: an autoencoder whose errors a discriminator's features measure."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least, check_probability
from monai_genaug.generators.cvae import CVAEGenerator
from monai_genaug.losses import PatchGANLoss, feature_matching_loss
from monai_genaug.training.adversarial import AdversarialEngine
from monai_genaug.training.processes import unwrap
from monai_genaug.training.vae import CVAETraining, draw, warm_up_factor

MADE = ("reconstruction", "sample")


class VAEGANTraining(CVAETraining):
    """Reconstructs images and makes others of the prior in one pass, that `DistributedDataParallel` can wrap.

    Args:
        generator: its `network` is trained; latents, and the observation noise that it may add, are drawn from torch's
            global generator.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import ConditionalVAE
        >>> network = ConditionalVAE(2, 1, 1, levels=2, base_features=4)
        >>> training = VAEGANTraining(CVAEGenerator(network, BinaryEncoding()))
        >>> made = training(torch.ones(2, 1, 8, 8), torch.rand(2, 1, 8, 8))
        >>> {name: tuple(part.shape) for name, part in made.items()}
        {'mean': (2, 1, 8, 8), 'reconstruction': (2, 1, 8, 8), 'sample': (2, 1, 8, 8), 'kl': (2, 2, 2)}
    """

    def __init__(self, generator: CVAEGenerator) -> None:
        super().__init__(generator)
        self.observation_noise = generator.observation_noise

    def forward(self, condition: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Give images of both kinds of latents.

        Args:
            condition: (B, K, *S), in [0, 1], S multiples of the network's stride, at least its least size.
            image: (B, C, *S) in [-1, 1].

        Returns:
            ``reconstruction`` and ``sample`` (B, C, *S) as the generator would make them, ``mean`` of the
            reconstruction, which has no observation noise, and ``kl``, see `infer`. No gradient goes from the sample to
            the prior, which follows the posterior alone (Larsen et al. 2016, section 3.3).
        """
        latent, prior, kl = self.infer(condition, image)
        latents = torch.cat((latent, draw(prior, self.network).detach()))
        mean, log_deviation = self.network.decode(latents, torch.cat((condition, condition)))
        made = mean + log_deviation.exp() * torch.randn_like(mean) if self.observation_noise else mean
        reconstruction, sample = made.chunk(2)
        return {"mean": mean.chunk(2)[0], "reconstruction": reconstruction, "sample": sample, "kl": kl}


class VAEGANEngine(AdversarialEngine):
    """Trains a `CVAEGenerator` on pairs of image and label against a discriminator that sees both.

    Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric": reconstructions are compared
    with the real images by the discriminator's features (Wang et al. 2018, eq. 3), and the discriminator has to tell
    real images from reconstructions and from samples of the prior. A small L1 distance holds on to intensities. There
    is no likelihood that balances them with the KL divergence, whose weight is therefore chosen; what it has below
    `free_nats` costs nothing, see `EvidenceLoss`. A generator with observation noise learns its strength from the
    discriminator too; of coarse latents alone a decoder can hardly make grain. Unlike in the paper the adversarial loss
    of reconstructions reaches the posterior, which spares a pass.

    Args:
        generator: its `network` is trained; its encoding makes the conditions.
        discriminator: sees condition and image, K + C channels; gives a list of the features of its layers and, last,
            the patch logits, as MONAI's `PatchDiscriminator` does.
        g_network: a `VAEGANTraining` of the generator, if wrapped in `DistributedDataParallel`.
        adversarial_loss: loss of the patch logits.
        lambda_features: weight of the distance of features; 0 leaves out its pass.
        lambda_l1: weight of the L1 distance of the means, images in [-1, 1].
        lambda_kl: weight of the KL divergence in the end, in nats per image value.
        kl_warm_up: share of the iterations in which that weight rises from 0, in [0, 1].
        free_nats: KL divergence, in nats for each position of the latent maps, that costs nothing.
        kwargs: see `AdversarialEngine`.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import ConditionalVAE
        >>> from monai_genaug.training import patch_discriminator
        >>> network = ConditionalVAE(2, 1, 1, levels=2, base_features=4)
        >>> generator = CVAEGenerator(network, BinaryEncoding())
        >>> discriminator = patch_discriminator(2, 2, base_features=4, layers=1)
        >>> batch = {"image": torch.rand(2, 1, 16, 16), "label": torch.ones(2, 1, 16, 16)}
        >>> engine = VAEGANEngine(
        ...     generator=generator, discriminator=discriminator, device="cpu", max_epochs=1, train_data_loader=[batch],
        ...     g_optimizer=torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999)),
        ...     d_optimizer=torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)))
        >>> engine.run()
        >>> sorted(name for name in engine.state.output if name.startswith("g_"))
        ['g_adversarial', 'g_features', 'g_kl', 'g_l1', 'g_loss']
    """

    def __init__(
        self,
        *,
        generator: CVAEGenerator,
        discriminator: nn.Module,
        g_network: nn.Module | None = None,
        adversarial_loss: PatchGANLoss | None = None,
        lambda_features: float = 10.0,
        lambda_l1: float = 5.0,
        lambda_kl: float = 1.0,
        kl_warm_up: float = 0.25,
        free_nats: float = 0.5,
        **kwargs: Any,
    ) -> None:
        check_at_least(0, lambda_features=lambda_features, lambda_l1=lambda_l1, lambda_kl=lambda_kl)
        check_at_least(0, free_nats=free_nats)
        check_probability("kl_warm_up", kl_warm_up)
        super().__init__(g_network=generator.network, d_network=discriminator, **kwargs)
        self.generator, self.adversarial_loss = generator, adversarial_loss or PatchGANLoss("hinge")
        self.training_pass = g_network or VAEGANTraining(generator)
        self.lambda_features, self.lambda_l1 = lambda_features, lambda_l1
        self.lambda_kl, self.kl_warm_up, self.free_nats = lambda_kl, kl_warm_up, free_nats

    def forward(self, image: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Reconstruct the images and sample others for their labels; images go from [0, 1] to the network's [-1, 1]."""
        condition, real = self.generator.encode(label), 2.0 * image - 1.0
        return {"condition": condition, "real": real, **self.training_pass(condition, real)}

    def d_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial loss on real pairs, and on detached reconstructions and samples, half of each."""
        detached = {name: tensor.detach() for name, tensor in tensors.items()}
        real, fake = self._see(self.d_network, detached, "real"), self._see(self.d_network, detached, *MADE)
        return {"d_adversarial": self.adversarial_loss.for_discriminator(real[-1], fake[-1])}

    def g_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial loss of both kinds of images, weighted distances of reconstructions, weighted KL divergence."""
        discriminator = unwrap(self.d_network)
        fake = self._see(discriminator, tensors, *MADE)
        kl = tensors["kl"].mean().clamp_min(self.free_nats) * tensors["kl"][0].numel() / tensors["real"][0].numel()
        losses = {
            "g_adversarial": self.adversarial_loss.for_generator(fake[-1]),
            "g_l1": self.lambda_l1 * functional.l1_loss(tensors["mean"], tensors["real"]),
            "g_kl": self.lambda_kl * warm_up_factor(self, self.kl_warm_up) * kl,
        }
        if self.lambda_features > 0:
            with torch.no_grad():
                real = self._see(discriminator, tensors, "real")
            reconstructed = [maps.chunk(2)[0] for maps in fake]
            losses["g_features"] = self.lambda_features * feature_matching_loss(real, reconstructed)
        return losses

    def _see(self, discriminator: nn.Module, tensors: dict[str, Tensor], *names: str) -> list[Tensor]:
        """Give a discriminator's features and logits of images with their conditions, one kind after the other."""
        pairs = [torch.cat((tensors["condition"], self.blur_for_discriminator(tensors[name])), 1) for name in names]
        maps: list[Tensor] = discriminator(torch.cat(pairs))
        return maps
