"""Learning rates over the epochs of a training."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def linear_decay(optimizer: Optimizer, epochs: int) -> LambdaLR:
    """Keep the learning rate for half of the epochs, then let it fall linearly to 0 (Isola et al. 2017's schedule).

    Args:
        optimizer: whose rate falls.
        epochs: of the whole run; the scheduler is stepped once in each.

    Returns:
        A scheduler.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> scheduler, rates = linear_decay(optimizer, 4), []
        >>> for _ in range(4):
        ...     rates.append(round(optimizer.param_groups[0]["lr"], 3)); optimizer.step(); scheduler.step()
        >>> rates
        [1.0, 1.0, 1.0, 0.5]
    """
    kept = epochs - epochs // 2
    return LambdaLR(optimizer, lambda epoch: min(1.0, (epochs - epoch) / (epochs - kept)) if epochs > kept else 1.0)
