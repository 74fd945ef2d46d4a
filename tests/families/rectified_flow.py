from __future__ import annotations

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import RectifiedFlowGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import DiffusionUNet
from tests.families import enlarged


def build(dims: int, encoding: LabelEncoding, channels: int) -> ConditionalGenerator:
    network = DiffusionUNet(dims, encoding.channels, channels, channels=(4, 8), norm_groups=2, condition_dropout=0.1)
    return enlarged(RectifiedFlowGenerator(network, encoding, steps=2, guidance=2.0))


FAMILIES = {"rectified_flow": build}
