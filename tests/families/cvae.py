from __future__ import annotations

from functools import partial

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import CVAEGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import ConditionalVAE
from tests.families import enlarged


def build(
    dims: int, encoding: LabelEncoding, channels: int, *, observation_noise: bool = True, global_channels: int = 2
) -> ConditionalGenerator:
    network = ConditionalVAE(
        dims,
        encoding.channels,
        channels,
        levels=2,
        base_features=4,
        latent_channels=3,
        global_channels=global_channels,
        norm_groups=2,
    )
    return enlarged(CVAEGenerator(network, encoding, observation_noise=observation_noise))


FAMILIES = {
    "cvae": build,
    "cvae_mean": partial(build, observation_noise=False),  # as VAE-GAN
    "cvae_local": partial(build, observation_noise=False, global_channels=0),
}
