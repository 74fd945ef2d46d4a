"""Classifier-free guidance."""

from __future__ import annotations

from torch import Tensor


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Move a prediction away from the one without condition; eq. 6, Ho & Salimans 2022, with w = scale - 1.

    Predictions of epsilon, v, x_0 and of a flow's velocity can all be guided so, to the same end.

    Args:
        conditional: prediction (B, C, *S) of a network that is told the condition.
        unconditional: prediction at the same x_t without it.
        scale: 0 for the prediction without condition, 1 for that with it, above 1 to follow the condition more closely.

    Returns:
        Prediction (B, C, *S).

    Example:
        >>> import torch
        >>> guide(torch.tensor(2.0), torch.tensor(1.0), 3.0)
        tensor(4.)
    """
    return unconditional + scale * (conditional - unconditional)
