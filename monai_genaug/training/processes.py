"""What training must know of the other processes that `torchrun` started."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn


def process_rank() -> int:
    """Give this process's number among those that train together; 0 for one alone.

    Example:
        >>> process_rank()
        0
    """
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0


def process_count() -> int:
    """Give the number of processes that train together.

    Example:
        >>> process_count()
        1
    """
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def unwrap(network: nn.Module) -> nn.Module:
    """Give the network inside a `DistributedDataParallel`, or the network itself.

    Example:
        >>> unwrap(nn.Identity())
        Identity()
    """
    return network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network


def mean_over_processes(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Average scalars over the processes that train together, so that logs tell of the whole batch.

    Example:
        >>> mean_over_processes({"loss": torch.tensor(2.0)})
        {'loss': tensor(2.)}
    """
    if process_count() == 1:
        return values
    stacked = torch.stack([value.float() for value in values.values()])
    distributed.all_reduce(stacked)
    return dict(zip(values, stacked / process_count(), strict=True))
