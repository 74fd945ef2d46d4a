"""Networks that MONAI lacks."""

from monai_genaug.networks.autoencoder import KLAutoencoder
from monai_genaug.networks.backgrounds import BackgroundBank
from monai_genaug.networks.conditional_vae import ConditionalVAE
from monai_genaug.networks.cycle import CycleNetworks
from monai_genaug.networks.diffusion_unet import DiffusionUNet
from monai_genaug.networks.initialisation import init_normal
from monai_genaug.networks.latent import LatentDiffusionUNet
from monai_genaug.networks.noise import NoiseMaps
from monai_genaug.networks.pix2pix_unet import Pix2PixUNet
from monai_genaug.networks.resnet_generator import ResNetGenerator
from monai_genaug.networks.spade_generator import SPADEResNet
from monai_genaug.networks.style import StyleBank, style_statistics

__all__ = [
    "BackgroundBank",
    "ConditionalVAE",
    "CycleNetworks",
    "DiffusionUNet",
    "KLAutoencoder",
    "LatentDiffusionUNet",
    "NoiseMaps",
    "Pix2PixUNet",
    "ResNetGenerator",
    "SPADEResNet",
    "StyleBank",
    "init_normal",
    "style_statistics",
]
