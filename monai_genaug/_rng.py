"""Randomness that depends on explicit seeds alone, never on a global generator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

MAX_SEED = 2**63 - 1


def derive_seed(seed: int, *names: str | int) -> int:
    """Make a new seed out of a seed and the names of what it is for.

    Args:
        seed: any integer.
        names: what the new seed is for, for example ``"mask"`` or ``("retry", 1)``; order matters.

    Returns:
        An integer in [0, 2**63 - 1), equal in every process and on every machine.

    Example:
        >>> derive_seed(1, "mask") == derive_seed(1, "mask"), derive_seed(1, "mask") == derive_seed(1, "retry")
        (True, False)
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in (int(seed), *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") % MAX_SEED


def draw_seed(rng: np.random.RandomState) -> int:
    """Draw one 63-bit seed from the generator of a MONAI `Randomizable`.

    Args:
        rng: a transform's own ``self.R``.

    Returns:
        An integer in [0, 2**63 - 1).

    Example:
        >>> draw_seed(np.random.RandomState(0)) == draw_seed(np.random.RandomState(0))
        True
    """
    return int(rng.randint(0, MAX_SEED, dtype=np.int64))


def manual_seed(seed: int, device: torch.device) -> None:
    """Seed torch's global generators of the CPU and of one device, and of no other, unlike `torch.manual_seed`.

    Args:
        seed: any 63-bit integer.
        device: whose generator is seeded beside the CPU's.

    Example:
        >>> with torch.random.fork_rng():
        ...     manual_seed(3, torch.device("cpu"))
    """
    torch.random.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def seeded_randn(shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
    """Draw one row of standard normal noise for each seed, on the CPU.

    A row depends on its own seed and on `shape` alone: not on the other rows, the device or the global generator.

    Args:
        shape: the shape of one row, without the batch dimension.
        seeds: one integer for each row.

    Returns:
        Tensor (B, *shape), float32, on the CPU, B = len(seeds).

    Example:
        >>> torch.equal(seeded_randn((2, 4), [7, 8])[1], seeded_randn((2, 4), [8])[0])
        True
    """
    rows = [torch.randn(tuple(shape), generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
    return torch.stack(rows) if rows else torch.empty((0, *shape))
