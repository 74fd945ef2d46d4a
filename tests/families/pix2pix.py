from __future__ import annotations

from functools import partial

import torch

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import Pix2PixGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import Pix2PixUNet
from tests.families import enlarged


def build(dims: int, encoding: LabelEncoding, channels: int, *, norm: str) -> ConditionalGenerator:
    network = Pix2PixUNet(dims, encoding.channels, channels, levels=3, base_features=4, norm=norm)
    return enlarged(Pix2PixGenerator(network, encoding))


FAMILIES = {f"pix2pix_{norm}": partial(build, norm=norm) for norm in ("batch", "instance")}


def build_styled(dims: int, encoding: LabelEncoding, channels: int) -> ConditionalGenerator:
    network = Pix2PixUNet(dims, encoding.channels, channels, levels=3, base_features=4, style_bank=6)
    generator = enlarged(Pix2PixGenerator(network, encoding))
    network.styles.fit(torch.rand(channels, *(8, 8, 8)[:dims]) for _ in range(6))
    return generator


FAMILIES["pix2pix_styled"] = build_styled
