from __future__ import annotations

from functools import partial
from typing import Any

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import LatentDiffusionGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import KLAutoencoder, LatentDiffusionUNet
from tests.families import enlarged


def build(
    dims: int, encoding: LabelEncoding, channels: int, *, dropout: float = 0.0, **settings: Any
) -> ConditionalGenerator:
    autoencoder = KLAutoencoder(dims, channels, channels=(4, 8), latent_channels=3, norm_groups=2)
    autoencoder.shift.fill_(0.1)
    autoencoder.scale.fill_(0.8)
    network = LatentDiffusionUNet(
        autoencoder, encoding.channels, channels=(4, 8), norm_groups=2, condition_dropout=dropout
    )
    return enlarged(LatentDiffusionGenerator(network, encoding, **settings))


FAMILIES = {
    "latent_diffusion": partial(build, steps=3),
    "latent_diffusion_guided": partial(build, sampler="ddim", eta=0.5, steps=3, guidance=2.0, dropout=0.1),
}
