"""The processes that `torchrun` started: who does what, and how they learn that one of them has ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from monai_genaug._checks import check_device

Shared = TypeVar("Shared")
PATIENCE = timedelta(days=365)  # processes wait for each other's work, however long it takes


class Processes:
    """Processes that share one task.

    Args:
        group: of `torch.distributed`; None for one process alone.

    Example:
        >>> alone = Processes(None)
        >>> alone.rank, alone.count, alone.share("told by the first")
        (0, 1, 'told by the first')
    """

    def __init__(self, group: Any) -> None:
        self.group = group
        self.rank = 0 if group is None else distributed.get_rank()
        self.count = 1 if group is None else distributed.get_world_size()

    def share(self, value: Shared) -> Shared:
        """Give what the first process passes; waits until all are here.

        Raises:
            ConnectionError: if one of them has ended.
        """
        if self.group is None:
            return value
        try:
            distributed.barrier(group=self.group)
            held = [value]
            distributed.broadcast_object_list(held, src=0, group=self.group)
        except RuntimeError as error:
            raise ConnectionError(
                f"process {self.rank} of {self.count} (counted from 0) has lost the others, one of which has ended: "
                "see what it said; the same command goes on where they were."
            ) from error
        return held[0]


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """Join the processes that torchrun started, or those of a group that is there already; one alone joins nothing.

    Example:
        >>> with joined_processes() as processes:
        ...     processes.count
        1
    """
    there = distributed.is_available() and distributed.is_initialized()
    if not there and int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(None)
        return
    if not there:
        distributed.init_process_group("gloo")
    try:
        yield Processes(distributed.new_group(backend="gloo", timeout=PATIENCE))
    finally:
        if not there:
            distributed.destroy_process_group()


def own_device(device: str | torch.device | None) -> torch.device:
    """Choose where this process computes.

    Args:
        device: None takes a GPU where there is one; ``"cuda"`` gives each process of a machine its own, in turn.

    Raises:
        ValueError: if there is no such device.

    Example:
        >>> own_device("cpu")
        device(type='cpu')
    """
    chosen = check_device(("cuda" if torch.cuda.is_available() else "cpu") if device is None else device)
    if chosen.type == "cuda" and chosen.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    return chosen


@contextmanager
def fixed_computing(threads: int) -> Iterator[None]:
    """Compute with so many threads, and on a GPU by algorithms that repeat, since both decide how sums are rounded.

    Args:
        threads: of this process on the CPU.

    Example:
        >>> with fixed_computing(1):
        ...     torch.get_num_threads()
        1
    """
    cudnn = torch.backends.cudnn
    before = torch.get_num_threads(), cudnn.benchmark, cudnn.deterministic
    torch.set_num_threads(threads)
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cudnn.benchmark, cudnn.deterministic = before[1:]
