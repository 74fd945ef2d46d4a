"""A digest of a mask sampler's settings and of what it was fitted to, by which a stopped training knows it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch


def digest_sampler(sampler: Any) -> str:
    """Hash a sampler's class and attributes; its random state, and what it drew (names with ``_``), do not count.

    Args:
        sampler: a mask sampler, or None.

    Returns:
        16 hexadecimal digits, or "none".

    Raises:
        ValueError: if it holds what cannot be hashed.

    Example:
        >>> from monai_genaug.masks import LabelDeformation
        >>> digest_sampler(LabelDeformation()) == digest_sampler(LabelDeformation().set_random_state(seed=3))
        True
        >>> digest_sampler(LabelDeformation()) == digest_sampler(LabelDeformation(flip=0))
        False
    """
    if sampler is None:
        return "none"
    digest = hashlib.sha256()
    _feed(digest, sampler)
    return digest.hexdigest()[:16]


def _feed(digest: Any, value: Any) -> None:
    """Add a value to a digest, with its kind and its length, so that different values differ."""
    if isinstance(value, np.ndarray | torch.Tensor):
        array = np.ascontiguousarray(value)
        digest.update(f"array {array.dtype} {array.shape};".encode() + array.tobytes())
    elif value is None or isinstance(value, bool | int | float | str | np.generic):
        digest.update(f"{type(value).__name__} {value!r};".encode())
    elif isinstance(value, Mapping):
        digest.update(f"mapping {len(value)};".encode())
        for key in sorted(value, key=repr):
            _feed(digest, key)
            _feed(digest, value[key])
    elif isinstance(value, Sequence):
        digest.update(f"sequence {len(value)};".encode())
        for part in value:
            _feed(digest, part)
    elif hasattr(value, "__dict__"):
        kept = {name: part for name, part in vars(value).items() if name != "R" and not name.startswith("_")}
        digest.update(f"{type(value).__qualname__};".encode())  # modules may move
        _feed(digest, kept)
    else:
        raise ValueError(
            f"a mask sampler holds a {type(value).__name__}, expected numbers, text, arrays and objects of these: keep "
            "what must not count in an attribute whose name begins with an underscore."
        )
