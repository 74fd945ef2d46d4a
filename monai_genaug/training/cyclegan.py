"""The engine of CycleGAN: two translations that undo each other, learned without pairs."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from monai.losses import DiceLoss
from torch import Tensor, nn
from torch.nn import functional

from monai_genaug._checks import check_at_least, check_choice
from monai_genaug.generators.cyclegan import CycleGANGenerator
from monai_genaug.losses import POLARITIES, PatchGANLoss, polarity_loss
from monai_genaug.training.adversarial import AdversarialEngine
from monai_genaug.training.image_pool import ImagePool
from monai_genaug.training.mode_seeking import ModeSeeking
from monai_genaug.training.processes import unwrap


class CycleGANEngine(AdversarialEngine):
    """Trains a `CycleGANGenerator` on images x and label maps, as masks y, that do not belong together.

    Zhu et al. 2017, eq. 3 and section 5.2: least-squares adversarial losses for both translations, G from masks to
    images and F back; lambda_cycle times the cycle loss |x - G(F(x))| + |y - F(G(y))|; lambda_cycle lambda_identity
    times the identity loss |x - G(x)| + |y - F(y)|, for images with as many channels as masks; pools of earlier
    synthetic images for the discriminators. Images and masks are in [-1, 1]. Beside that:

    - `cycle_noise`: F(x) and G(y) get Gaussian noise before they are translated back, so that nothing can be handed on
      in faint patterns (Chu et al. 2017, "CycleGAN, a Master of Steganography"; Bashkirova et al. 2019, "Adversarial
      Self-Defense for Cycle-Consistent GANs").
    - `lambda_mask`: soft Dice loss between y and what F sees in G(y) at another brightness and contrast and with noise:
      the nuclei must be where the mask says for any reader, and not for the undisturbed F alone.
    - `lambda_mode_seeking`: as for Pix2Pix, so that seeds differ, but for objects alone.
    - `polarity`: objects must be darker or brighter than the rest, in G(y) and in what F sees in x, see
      `polarity_loss`; else a cycle may take the gaps between objects for the objects.
    - Where the network of images has a `StyleBank`, batches hold the ``style`` of the images: G(y) gets that of the
      image beside it, and x is translated back with its own, so that stain and brightness need not be told by the mask.

    Args:
        generator: its `network` is trained; its encoding makes the masks.
        g_network: its `network` as it is trained, if wrapped in `DistributedDataParallel`.
        discriminators: `TwoDiscriminators`, of images and of masks.
        adversarial_loss: loss of the patch logits.
        lambda_cycle: weight of the cycle loss.
        lambda_identity: weight of the identity loss, as a share of `lambda_cycle`.
        lambda_mask: weight of the mask-consistency loss.
        lambda_mode_seeking: weight of the mode-seeking term; 0 leaves out its pass.
        cycle_noise: standard deviation, images in [-1, 1].
        polarity: ``"dark"`` or ``"bright"``; None: not known.
        lambda_polarity: weight of that loss, where the polarity is known.
        pool_size: images in each pool.
        kwargs: see `AdversarialEngine`.

    Raises:
        ValueError: if an argument is out of its range, or an identity loss is asked for where it has no meaning.

    Example:
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import CycleNetworks, ResNetGenerator
        >>> from monai_genaug.training import TwoDiscriminators, patch_discriminator
        >>> networks = CycleNetworks(*(ResNetGenerator(2, 1, 1, blocks=1, base_features=4) for _ in range(2)))
        >>> discriminators = TwoDiscriminators(
        ...     *(patch_discriminator(2, 1, base_features=4, layers=1, norm="instance") for _ in range(2)))
        >>> batch = {"image": torch.rand(1, 1, 16, 16), "label": torch.ones(1, 1, 16, 16)}
        >>> engine = CycleGANEngine(
        ...     generator=CycleGANGenerator(networks, BinaryEncoding()), discriminators=discriminators, device="cpu",
        ...     max_epochs=1, train_data_loader=[batch],
        ...     g_optimizer=torch.optim.Adam(networks.parameters(), 2e-4, (0.5, 0.999)),
        ...     d_optimizer=torch.optim.Adam(discriminators.parameters(), 2e-4, (0.5, 0.999)))
        >>> engine.run()
        >>> sorted(name for name in engine.state.output if name.startswith("g_cycle"))
        ['g_cycle_image', 'g_cycle_mask']
    """

    def __init__(
        self,
        *,
        generator: CycleGANGenerator,
        discriminators: nn.Module,
        g_network: nn.Module | None = None,
        adversarial_loss: PatchGANLoss | None = None,
        lambda_cycle: float = 10.0,
        lambda_identity: float = 0.5,
        lambda_mask: float = 0.0,
        lambda_mode_seeking: float = 0.0,
        cycle_noise: float = 0.0,
        polarity: str | None = None,
        lambda_polarity: float = 10.0,
        pool_size: int = 50,
        **kwargs: Any,
    ) -> None:
        check_at_least(0, lambda_cycle=lambda_cycle, lambda_identity=lambda_identity, lambda_mask=lambda_mask)
        check_at_least(0, cycle_noise=cycle_noise, lambda_polarity=lambda_polarity)
        if polarity is not None:
            check_choice("polarity", polarity, POLARITIES)
        if lambda_identity > 0 and generator.condition_channels != generator.image_channels:
            raise ValueError(
                f"the identity loss puts images through the network for masks, but images have "
                f"{generator.image_channels} channels and masks {generator.condition_channels}: set lambda_identity=0."
            )
        self.mode_seeking = ModeSeeking(lambda_mode_seeking, generator.noise)
        super().__init__(g_network=g_network or generator.network, d_network=discriminators, **kwargs)
        self.generator = generator
        self.adversarial_loss = adversarial_loss or PatchGANLoss("lsgan")
        self.lambda_cycle, self.lambda_identity, self.lambda_mask = lambda_cycle, lambda_identity, lambda_mask
        self.polarity, self.lambda_polarity = polarity, lambda_polarity
        self.cycle_noise, self.dice_loss = cycle_noise, DiceLoss(squared_pred=True, batch=True)
        self.image_pool, self.mask_pool = ImagePool(pool_size), ImagePool(pool_size)

    def parts(self) -> dict[str, Any]:
        """Name all that has a state_dict on which the rest of the training depends."""
        return {**super().parts(), "image_pool": self.image_pool, "mask_pool": self.mask_pool}

    def forward(self, image: Tensor, label: Tensor, *, style: Tensor | None = None) -> dict[str, Tensor]:
        """Translate both ways and back; image and label come from different patients, slides or lists."""
        condition = self.generator.encode(label)
        noise, own_noise = (self.generator.draw_noise(condition, style) for _ in range(2))
        real_image, real_mask = 2.0 * image - 1.0, 2.0 * condition - 1.0
        fake_image, fake_mask = self._to_image(real_mask, noise), self._to_mask(real_image)
        return {
            "noise": noise,
            "own_noise": own_noise,
            "real_image": real_image,
            "real_mask": real_mask,
            "fake_image": fake_image,
            "fake_mask": fake_mask,
            "cycled_image": self._to_image(self._disturb(fake_mask), own_noise),
            "cycled_mask": self._to_mask(self._disturb(fake_image)),
        }

    def d_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial losses on real images and masks and on those of the pools."""
        fake_image = self.image_pool.exchange(tensors["fake_image"])
        fake_mask = self.mask_pool.exchange(tensors["fake_mask"])
        real = self._logits(self.d_network, tensors["real_image"], tensors["real_mask"])
        fake = self._logits(self.d_network, fake_image, fake_mask)
        losses = [self.adversarial_loss.for_discriminator(*pair) for pair in zip(real, fake, strict=True)]
        return {"d_image": losses[0], "d_mask": losses[1]}

    def g_losses(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adversarial, cycle and identity losses of both directions, mask consistency, mode seeking."""
        real_image, real_mask, fake_image = (tensors[name] for name in ("real_image", "real_mask", "fake_image"))
        logits = self._logits(unwrap(self.d_network), fake_image, tensors["fake_mask"])
        losses = {
            "g_image": self.adversarial_loss.for_generator(logits[0]),
            "g_mask": self.adversarial_loss.for_generator(logits[1]),
            "g_cycle_image": self.lambda_cycle * functional.l1_loss(tensors["cycled_image"], real_image),
            "g_cycle_mask": self.lambda_cycle * functional.l1_loss(tensors["cycled_mask"], real_mask),
        }
        if self.lambda_identity > 0:
            weight = self.lambda_cycle * self.lambda_identity
            identity = self._to_image(real_image, tensors["own_noise"])
            losses["g_identity_image"] = weight * functional.l1_loss(identity, real_image)
            losses["g_identity_mask"] = weight * functional.l1_loss(self._to_mask(real_mask), real_mask)
        if self.lambda_mask > 0:
            seen = self._to_mask(self._disguise(fake_image))
            consistency = self.dice_loss(0.5 * (seen + 1.0), 0.5 * (real_mask + 1.0))
            losses["g_mask_consistency"] = self.lambda_mask * consistency
        if self.polarity is not None and self.lambda_polarity > 0:
            seen = 0.5 * (tensors["fake_mask"] + 1.0)
            shown = polarity_loss(fake_image, 0.5 * (real_mask + 1.0), self.polarity)
            losses["g_polarity"] = self.lambda_polarity * (shown + polarity_loss(real_image, seen, self.polarity))
        objects = (real_mask.amax(dim=1, keepdim=True) > 0).to(real_mask)
        generate = partial(self._to_image, real_mask)
        return losses | self.mode_seeking(generate, fake_image, tensors["noise"], where=objects)

    def _to_image(self, mask: Tensor, noise: Tensor) -> Tensor:
        """Translate (B, K, *S) in [-1, 1]."""
        image: Tensor = self.g_network(0.5 * (mask + 1.0), noise)
        return image

    def _to_mask(self, image: Tensor) -> Tensor:
        """Translate (B, C, *S) in [-1, 1]."""
        mask: Tensor = self.g_network(0.5 * (image + 1.0), to_mask=True)
        return mask

    def _disturb(self, translated: Tensor) -> Tensor:
        return translated + self.cycle_noise * torch.randn_like(translated) if self.cycle_noise > 0 else translated

    def _disguise(self, image: Tensor) -> Tensor:
        """Show an image at another brightness and contrast and with noise, each row its own."""
        shape = (image.shape[0], *(1,) * (image.ndim - 1))
        contrast = 1.0 + 0.3 * (2.0 * torch.rand(shape, device=image.device) - 1.0)
        brightness = 0.2 * (2.0 * torch.rand(shape, device=image.device) - 1.0)
        return (contrast * image + brightness + 0.1 * torch.randn_like(image)).clamp(-1.0, 1.0)

    def _logits(self, discriminators: nn.Module, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        blurred = self.blur_for_discriminator(image), self.blur_for_discriminator(mask)
        of_image, of_mask = discriminators(*blurred)
        return of_image[-1], of_mask[-1]
