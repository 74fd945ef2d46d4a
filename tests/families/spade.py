from __future__ import annotations

from functools import partial

import torch

from monai_genaug import ConditionalGenerator
from monai_genaug.generators import SPADEGenerator
from monai_genaug.masks import LabelEncoding
from monai_genaug.networks import SPADEResNet
from tests.families import enlarged


def build(dims: int, encoding: LabelEncoding, channels: int, *, norm: str, style_bank: int = 0) -> ConditionalGenerator:
    network = SPADEResNet(
        dims,
        encoding.channels,
        channels,
        levels=2,
        base_features=4,
        hidden_features=8,
        norm=norm,
        style_bank=style_bank,
    )
    generator = enlarged(SPADEGenerator(network, encoding), gain=0.8)  # modulations multiply, so more would explode
    if network.styles is not None:
        network.styles.fit(torch.rand(channels, *(8, 8, 8)[:dims]) for _ in range(6))
    return generator


FAMILIES = {f"spade_{norm}": partial(build, norm=norm) for norm in ("batch", "instance")}
FAMILIES["spade_styled"] = partial(build, norm="batch", style_bank=6)
