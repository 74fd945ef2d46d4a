"""Training of generators."""

from monai_genaug.training.adversarial import AdversarialEngine, NonFiniteLossError
from monai_genaug.training.pix2pix import Pix2PixEngine, patch_discriminator
from monai_genaug.training.train import Pix2PixSettings, train_pix2pix

__all__ = [
    "AdversarialEngine",
    "NonFiniteLossError",
    "Pix2PixEngine",
    "Pix2PixSettings",
    "patch_discriminator",
    "train_pix2pix",
]
