from __future__ import annotations

from functools import partial

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import Pix2PixGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import Pix2PixUNet
from tests.families import enlarged


def build(dims: int, encoding: LabelEncoding, channels: int, *, norm: str) -> ConditionalGenerator:
    network = Pix2PixUNet(dims, encoding.channels, channels, levels=3, base_features=4, norm=norm)
    return enlarged(Pix2PixGenerator(network, encoding))


FAMILIES = {f"pix2pix_{norm}": partial(build, norm=norm) for norm in ("batch", "instance")}
