"""How to build a tiny untrained generator of each family: one module a family, found by its place in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

import torch
from torch import nn

from monai_genaug import ConditionalGenerator
from monai_genaug.masks import LabelEncoding

Build = Callable[[int, LabelEncoding, int], ConditionalGenerator]  # spatial dims, encoding, image channels


def find_families() -> dict[str, Build]:
    """Collect what the modules of this folder define in FAMILIES."""
    found: dict[str, Build] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= importlib.import_module(f"{__name__}.{module.name}").FAMILIES
    return found


def enlarged(generator: ConditionalGenerator, gain: float = 2.0) -> ConditionalGenerator:
    """Make first weights so large that images vary."""
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, 0.0, gain / parameter[0].numel() ** 0.5)
    return generator.eval()
