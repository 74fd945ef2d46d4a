"""Checks of what users pass in: every error says what was expected, what came, and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor


def check_probability(name: str, value: float) -> float:
    """Return `value` if it lies in [0, 1]; raise ValueError otherwise.

    Example:
        >>> check_probability("prob", 0.5)
        0.5
    """
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value!r}, expected a number from 0 to 1: pass for example {name}=0.5.")
    return float(value)


def check_range(name: str, value: Iterable[float]) -> tuple[float, float]:
    """Return `value` as (low, high) with low < high, both finite; raise ValueError otherwise.

    Example:
        >>> check_range("value_range", [0, 255])
        (0.0, 255.0)
    """
    pair = tuple(float(v) for v in value)
    if len(pair) != 2 or not np.isfinite(pair).all() or pair[0] >= pair[1]:
        raise ValueError(f"{name} is {pair}, expected two finite numbers (low, high) with low < high, such as (0, 1).")
    return pair


def check_choice(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """Return `value` if it is one of `choices`; raise ValueError otherwise.

    Example:
        >>> check_choice("norm", "batch", ["batch", "instance"])
        'batch'
    """
    choices = list(choices)
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(repr, choices))}.")
    return value


def check_at_least(least: float, **values: float) -> None:
    """Raise ValueError where a named number is below `least`, or not finite.

    Example:
        >>> check_at_least(1, blocks=9)
    """
    for name, value in values.items():
        if not value >= least:  # NaN too
            raise ValueError(f"{name} is {value}, expected at least {least}.")
        if value == math.inf:
            raise ValueError(f"{name} is {value}, expected a finite number.")


def check_spatial_dims(value: int) -> int:
    """Return `value` if it is 2 or 3; raise ValueError otherwise.

    Example:
        >>> check_spatial_dims(3)
        3
    """
    return int(check_choice("spatial_dims", value, (2, 3)))


def check_device(device: str | torch.device) -> torch.device:
    """Return a device that this machine has; raise ValueError otherwise.

    Example:
        >>> check_device("cpu")
        device(type='cpu')
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device is {device!r}, expected a name such as 'cpu' or 'cuda'.") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {device!r}, but PyTorch finds no CUDA here: pass device='cpu'.")
    return found


def check_label(label: Tensor, *, name: str = "label") -> Tensor:
    """Return an integer-valued label map as int64; raise where its values are not whole, finite and >= 0.

    Loaders such as MONAI's give labels as float32, hence the values count and not the type.

    Args:
        label: tensor of any shape and real type.
        name: what the error calls it.

    Returns:
        Tensor of the same shape, int64.

    Raises:
        ValueError: for NaN, infinite, fractional or negative values.

    Example:
        >>> check_label(torch.tensor([0.0, 2.0]))
        tensor([0, 2])
    """
    if label.dtype == torch.int64:
        whole = label
    elif label.dtype.is_floating_point:
        whole = label.to(torch.int64)
        wrong = ~(whole == label)  # true for NaN and Inf as well
        if wrong.any():
            example = label[wrong].flatten()[0].item()
            raise ValueError(
                f"{name} holds {example:g}, expected whole numbers >= 0 (0 = background): binarise soft or "
                "interpolated labels with AsDiscreted(threshold=0.5), and resample labels with mode='nearest'."
            )
    else:
        whole = label.to(torch.int64)
    if whole.numel() and int(whole.min()) < 0:
        raise ValueError(
            f"{name} holds {int(whole.min())}, expected whole numbers >= 0 (0 = background): "
            "map ignore values to a class or to 0 with MapLabelValued before this step."
        )
    return whole
