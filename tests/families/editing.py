from __future__ import annotations

from functools import partial

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import EditingGenerator
from monai_genaug.masks import LabelEncoding
from tests.families import Build, cyclegan, pix2pix


def build(dims: int, encoding: LabelEncoding, channels: int, *, inner: Build) -> ConditionalGenerator:
    return EditingGenerator(inner(dims, encoding, channels), margin=2)


FAMILIES = {
    f"editing_{name}": partial(build, inner=inner)
    for name, inner in {**dict(list(pix2pix.FAMILIES.items())[1:2]), **cyclegan.FAMILIES}.items()
}
