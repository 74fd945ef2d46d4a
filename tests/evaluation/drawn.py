"""Images of several kinds, as items and as files."""

from __future__ import annotations

from typing import Any

import torch

Items = list[dict[str, Any]]


def textures(count: int, size: tuple[int, ...] = (48, 48), *, seed: int = 0, channels: int = 1) -> Items:
    """Draw images that are unlike each other."""
    rng = torch.Generator().manual_seed(seed)
    return [{"image": torch.rand(channels, *size, generator=rng), "name": f"t{seed}_{i}x"} for i in range(count)]
