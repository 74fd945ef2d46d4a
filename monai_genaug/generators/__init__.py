"""Generators of images from labels, and how they are saved and loaded."""

from monai_genaug.generators.acceleration import accelerate
from monai_genaug.generators.backgrounds import BackgroundGenerator
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.config import build_generator, describe_generator
from monai_genaug.generators.cvae import CVAEGenerator
from monai_genaug.generators.cyclegan import CycleGANGenerator
from monai_genaug.generators.diffusion import DiffusionGenerator
from monai_genaug.generators.editing import EditingGenerator
from monai_genaug.generators.handle import GeneratorHandle, digest_of
from monai_genaug.generators.latent_diffusion import LatentDiffusionGenerator
from monai_genaug.generators.load import load_generator, save_generator
from monai_genaug.generators.module import ModuleGenerator
from monai_genaug.generators.pix2pix import Pix2PixGenerator
from monai_genaug.generators.rectified_flow import RectifiedFlowGenerator
from monai_genaug.generators.spade import SPADEGenerator

__all__ = [
    "BackgroundGenerator",
    "CVAEGenerator",
    "ConditionalGenerator",
    "CycleGANGenerator",
    "DiffusionGenerator",
    "EditingGenerator",
    "GeneratorHandle",
    "LatentDiffusionGenerator",
    "ModuleGenerator",
    "Pix2PixGenerator",
    "RectifiedFlowGenerator",
    "SPADEGenerator",
    "accelerate",
    "build_generator",
    "describe_generator",
    "digest_of",
    "load_generator",
    "save_generator",
]
