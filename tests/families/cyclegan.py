from __future__ import annotations

import torch

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import CycleGANGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import CycleNetworks, ResNetGenerator
from tests.families import enlarged


def build(dims: int, encoding: LabelEncoding, channels: int) -> ConditionalGenerator:
    to_image = ResNetGenerator(dims, encoding.channels, channels, blocks=1, base_features=4)
    to_mask = ResNetGenerator(dims, channels, encoding.channels, blocks=1, base_features=4, latent_channels=0)
    return enlarged(CycleGANGenerator(CycleNetworks(to_image, to_mask), encoding))


def build_styled(dims: int, encoding: LabelEncoding, channels: int) -> ConditionalGenerator:
    to_image = ResNetGenerator(dims, encoding.channels, channels, blocks=1, base_features=4, style_bank=6)
    to_mask = ResNetGenerator(dims, channels, encoding.channels, blocks=1, base_features=4, latent_channels=0)
    to_image.styles.fit(torch.rand(channels, *(8, 8, 8)[:dims]) for _ in range(6))
    return enlarged(CycleGANGenerator(CycleNetworks(to_image, to_mask), encoding))


FAMILIES = {"cyclegan": build, "cyclegan_styled": build_styled}
