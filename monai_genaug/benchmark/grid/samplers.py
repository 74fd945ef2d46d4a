"""Where the new masks of a grid's generators come from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from monai_genaug.masks import InstanceBank, LabelDeformation, ProceduralNuclei

SAMPLERS: dict[str, Callable[..., Any]] = {
    "bank": InstanceBank,
    "procedural": ProceduralNuclei.from_populations,
    "deformation": LabelDeformation,
}
GIVEN = ("spatial_dims", "instances", "binary")  # settings that the data set says


def sampler_settings(masks: str) -> list[str]:
    """Give the names of the settings of a sampler that a plan may change.

    Args:
        masks: of `SAMPLERS`.

    Example:
        >>> sampler_settings("procedural")
        ['touching', 'density', 'jitter', 'small']
    """
    parameters = inspect.signature(SAMPLERS[masks]).parameters.values()
    return [part.name for part in parameters if part.kind is part.KEYWORD_ONLY and part.name not in GIVEN]
