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


def sampler_types(masks: str) -> dict[str, str]:
    """Give the settings of a sampler that a plan may change, with their types as they are annotated.

    Args:
        masks: of `SAMPLERS`.

    Example:
        >>> sampler_types("procedural")
        {'touching': 'float | None', 'density': 'float', 'jitter': 'float', 'small': 'float'}
    """
    parameters = inspect.signature(SAMPLERS[masks]).parameters.values()
    return {
        part.name: part.annotation for part in parameters if part.kind is part.KEYWORD_ONLY and part.name not in GIVEN
    }
