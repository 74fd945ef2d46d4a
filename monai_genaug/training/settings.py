"""What determines a Pix2Pix training beside its data and its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monai_genaug._checks import check_probability, check_spatial_dims


@dataclass(frozen=True, kw_only=True)
class Pix2PixSettings:
    """All that determines a Pix2Pix training beside its data and its seed; defaults are for a CPU.

    The paper's own: ``levels=8, base_features=64, crop_size=256, jitter=True, batch_size=1, adversarial="bce",
    latent_channels=0, smooth_channels=0, noise_channels=0, lambda_mode_seeking=0, ema_momentum=None,
    discriminator_features=64``, 200 passes over the data.

    Args:
        spatial_dims: 2 or 3.
        image_channels: channels C of the images.
        num_classes: foreground classes of the labels for one-hot conditions; None: foreground against background.
        crop_size: side of the random crops, pixels; a multiple of ``2**levels``.
        jitter: enlarge images by 286/256 before the crop (Isola et al. 2017, appendix 6.2).
        levels: halvings of the U-Net.
        base_features: features of its first level.
        norm: ``"batch"`` or ``"instance"``, of both networks.
        dropout: of the U-Net's three innermost decoder blocks.
        latent_channels: see `Pix2PixUNet`.
        smooth_channels: see `Pix2PixUNet`.
        noise_channels: see `Pix2PixUNet`.
        discriminator_features: features of the discriminator's first layer.
        discriminator_layers: 3 for a receptive field of 70x70, 2 for 34x34, 1 for 16x16.
        epochs: passes of `iterations_per_epoch` iterations; weights are saved after each.
        iterations_per_epoch: see `epochs`.
        batch_size: crops an iteration.
        learning_rate: of both Adams (betas 0.5, 0.999), constant for half of the epochs, then falling linearly to 0.
        adversarial: ``"bce"`` or ``"lsgan"``.
        lambda_l1: see `Pix2PixEngine`.
        lambda_mode_seeking: see `Pix2PixEngine`.
        label_smoothing: see `PatchGANLoss`.
        instance_noise: see `AdversarialEngine`.
        d_interval: see `AdversarialEngine`.
        max_grad_norm: see `AdversarialEngine`.
        ema_momentum: see `AdversarialEngine`; the average is what is saved.
    """

    spatial_dims: int = 2
    image_channels: int = 1
    num_classes: int | None = None
    crop_size: int = 128
    jitter: bool = False
    levels: int = 6
    base_features: int = 32
    norm: str = "batch"
    dropout: float = 0.5
    latent_channels: int = 4
    smooth_channels: int = 4
    noise_channels: int = 4
    discriminator_features: int = 32
    discriminator_layers: int = 3
    epochs: int = 12
    iterations_per_epoch: int = 50
    batch_size: int = 8
    learning_rate: float = 2e-4
    adversarial: str = "lsgan"
    lambda_l1: float = 100.0
    lambda_mode_seeking: float = 1.0
    label_smoothing: float = 0.0
    instance_noise: float = 0.0
    d_interval: int = 1
    max_grad_norm: float | None = None
    ema_momentum: float | None = 0.01

    def __post_init__(self) -> None:
        check_spatial_dims(self.spatial_dims)
        least = {
            "image_channels": 1,
            "crop_size": 1,
            "base_features": 1,
            "latent_channels": 0,
            "smooth_channels": 0,
            "noise_channels": 0,
            "discriminator_features": 1,
            "discriminator_layers": 1,
            "epochs": 1,
            "iterations_per_epoch": 1,
            "batch_size": 1,
            "lambda_l1": 0,
            "lambda_mode_seeking": 0,
        } | ({} if self.num_classes is None else {"num_classes": 1})
        for name, bound in least.items():
            value = getattr(self, name)
            if not value >= bound or (isinstance(bound, int) and "lambda" not in name and value != int(value)):
                raise ValueError(f"{name} is {value!r}, expected a number of at least {bound}.")
        check_probability("dropout", self.dropout)
        if self.lambda_mode_seeking > 0 and not self.latent_channels + self.smooth_channels + self.noise_channels:
            raise ValueError("mode seeking needs noise: give noise channels, or set lambda_mode_seeking=0.")

    @property
    def iterations(self) -> int:
        """Iterations in all."""
        return self.epochs * self.iterations_per_epoch

    @property
    def network_config(self) -> dict[str, Any]:
        """What goes into the generator folder's ``configs/network.yaml``."""
        condition_channels = self.num_classes or 1
        encoding: dict[str, Any] = {"_target_": "monai_genaug.masks.encodings.BinaryEncoding"}
        if self.num_classes:
            encoding = {
                "_target_": "monai_genaug.masks.encodings.OneHotEncoding",
                "num_classes": "@condition_channels",
            }
        return {
            "spatial_dims": self.spatial_dims,
            "image_channels": self.image_channels,
            "condition_channels": condition_channels,
            "network_def": {
                "_target_": "monai_genaug.networks.pix2pix_unet.Pix2PixUNet",
                "spatial_dims": "@spatial_dims",
                "in_channels": "@condition_channels",
                "out_channels": "@image_channels",
                "levels": self.levels,
                "base_features": self.base_features,
                "norm": self.norm,
                "dropout": self.dropout,
                "latent_channels": self.latent_channels,
                "smooth_channels": self.smooth_channels,
                "noise_channels": self.noise_channels,
            },
            "generator": {
                "_target_": "monai_genaug.generators.pix2pix.Pix2PixGenerator",
                "network": "@network_def",
                "encoding": encoding,
            },
        }
