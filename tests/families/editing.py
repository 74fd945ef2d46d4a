from __future__ import annotations

from functools import partial

import torch

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import BackgroundGenerator, EditingGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import BackgroundBank
from tests.families import Build, cyclegan, pix2pix


def build(dims: int, encoding: LabelEncoding, channels: int, *, inner: Build) -> EditingGenerator:
    return EditingGenerator(inner(dims, encoding, channels), margin=2)


def build_on_backgrounds(dims: int, encoding: LabelEncoding, channels: int, *, inner: Build) -> ConditionalGenerator:
    pictures = torch.rand(2, channels, *(40, 24, 16)[:dims], generator=torch.Generator().manual_seed(0))
    found = torch.zeros_like(pictures[:, :1])
    found[:, :, 5:9, 5:9] = 1
    return BackgroundGenerator(
        build(dims, encoding, channels, inner=inner), BackgroundBank.fit(pictures, found, side=20)
    )


INNER = {**dict(list(pix2pix.FAMILIES.items())[1:2]), **cyclegan.FAMILIES}
FAMILIES = {
    f"{way}_{name}": partial(make, inner=inner)
    for way, make in {"editing": build, "backgrounds": build_on_backgrounds}.items()
    for name, inner in INNER.items()
}
