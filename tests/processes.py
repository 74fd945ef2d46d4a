"""Runs a function in several processes of one `torch.distributed` group."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from torch import distributed

PRELOADED = ["monai.bundle", "monai.engines", "monai.handlers", "monai.transforms", "monai_genaug.training"]


def clean_processes() -> BaseContext:
    """Processes from a server that has run nothing: none inherits the threads and locks of a test session.

    A fork of the session itself may hang, since it lacks the threads that PyTorch has begun.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def run_together(function: Callable[[int, Path], Any], folder: Path, count: int = 2) -> list[Any]:
    """What ``function(rank, folder)`` gives in each of ``count`` processes that are joined by gloo."""
    context = clean_processes()
    processes = [context.Process(target=_join, args=(function, rank, count, folder)) for rank in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert codes == [0] * count, f"exit codes {codes} (None: did not end in time)"
    return [pickle.loads((folder / f"answer_{rank}").read_bytes()) for rank in range(count)]


def _join(function: Callable[[int, Path], Any], rank: int, count: int, folder: Path) -> None:
    distributed.init_process_group("gloo", f"file://{folder / 'address'}", rank=rank, world_size=count)
    answer = function(rank, folder)
    (folder / f"answer_{rank}").write_bytes(pickle.dumps(answer))
    distributed.barrier()
    distributed.destroy_process_group()
