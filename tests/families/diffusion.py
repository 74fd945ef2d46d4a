from __future__ import annotations

from functools import partial
from typing import Any

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import DiffusionGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import DiffusionUNet
from tests.families import enlarged


def build(
    dims: int, encoding: LabelEncoding, channels: int, *, dropout: float = 0.0, **settings: Any
) -> ConditionalGenerator:
    network = DiffusionUNet(
        dims, encoding.channels, channels, channels=(4, 8), norm_groups=2, condition_dropout=dropout
    )
    return enlarged(DiffusionGenerator(network, encoding, **settings))


FAMILIES = {
    "diffusion": partial(build, steps=3),
    "diffusion_ddpm": partial(build, sampler="ddpm", timesteps=4, steps=4),
    "diffusion_guided": partial(build, sampler="ddim", eta=0.5, steps=3, guidance=2.0, dropout=0.1, schedule="linear"),
}
