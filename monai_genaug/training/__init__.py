"""Training of generators."""

from monai_genaug.training.adversarial import AdversarialEngine, NonFiniteLossError
from monai_genaug.training.bundle import train_bundle
from monai_genaug.training.check import (
    check_images,
    check_training_data,
    check_unlabelled_images,
    check_unpaired_data,
)
from monai_genaug.training.checkpoint import Checkpoint
from monai_genaug.training.cyclegan import CycleGANEngine
from monai_genaug.training.diffusion import DenoisingPrepareBatch, MovingAverage
from monai_genaug.training.discriminators import TwoDiscriminators, patch_discriminator
from monai_genaug.training.draws import SeededLoader
from monai_genaug.training.evaluation import choose_split
from monai_genaug.training.handlers import EpochSeeds, GeneratorSaver, SampleGrid, as_floats, seed_weights
from monai_genaug.training.latent import AutoencoderLoss, AutoencoderPrepareBatch, fit_scale
from monai_genaug.training.masks import fit_masks
from monai_genaug.training.paired import PairedEngine
from monai_genaug.training.pix2pix import Pix2PixEngine
from monai_genaug.training.segmentation import ForegroundPrepareBatch, MaskWriter, foreground, list_images
from monai_genaug.training.spade import SPADEEngine
from monai_genaug.training.styles import AddStyled, fit_styles
from monai_genaug.training.unpaired import JoinedLoader, check_drawn_masks, draw_items
from monai_genaug.training.vae import CVAEPrepareBatch, CVAETraining, EvidenceLoss
from monai_genaug.training.vaegan import VAEGANEngine, VAEGANTraining

__all__ = [
    "AddStyled",
    "AdversarialEngine",
    "AutoencoderLoss",
    "AutoencoderPrepareBatch",
    "CVAEPrepareBatch",
    "CVAETraining",
    "Checkpoint",
    "CycleGANEngine",
    "DenoisingPrepareBatch",
    "EpochSeeds",
    "EvidenceLoss",
    "ForegroundPrepareBatch",
    "GeneratorSaver",
    "JoinedLoader",
    "MaskWriter",
    "MovingAverage",
    "NonFiniteLossError",
    "PairedEngine",
    "Pix2PixEngine",
    "SPADEEngine",
    "SampleGrid",
    "SeededLoader",
    "TwoDiscriminators",
    "VAEGANEngine",
    "VAEGANTraining",
    "as_floats",
    "check_drawn_masks",
    "check_images",
    "check_training_data",
    "check_unlabelled_images",
    "check_unpaired_data",
    "choose_split",
    "draw_items",
    "fit_masks",
    "fit_scale",
    "fit_styles",
    "foreground",
    "list_images",
    "patch_discriminator",
    "seed_weights",
    "train_bundle",
]
