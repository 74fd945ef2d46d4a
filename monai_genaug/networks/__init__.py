"""Networks that MONAI lacks."""

from monai_genaug.networks.noise import NoiseMaps
from monai_genaug.networks.pix2pix_unet import Pix2PixUNet

__all__ = ["NoiseMaps", "Pix2PixUNet"]
