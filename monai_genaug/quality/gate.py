"""What every gate has in common: a verdict on each image, and a count of them."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


class Gate(ABC):
    """Says of synthetic images whether they may be used, and counts how many may; for ``accept=`` everywhere.

    A gate gives `judge`. Counts are those of one process, hence of one worker of a loader; they are logged after 10,
    100, 1000 ... images.

    Attributes:
        seen: images that were judged.
        passed: of these, how many may be used.
        requested: images that were wanted, whatever number of tries each took; `synthesize` tells them.
        filled: of these, how many there was one for.
    """

    def __init__(self) -> None:
        self.seen = self.passed = self.requested = self.filled = 0

    def settle(self, accepted: Tensor) -> None:
        """Count for how many of the images that were wanted one was let through in the end.

        Args:
            accepted: (B,), bool.
        """
        self.requested += len(accepted)
        self.filled += int(accepted.sum())

    @property
    @abstractmethod
    def identity(self) -> str:
        """Text that tells gates apart which judge differently, by which a stopped training knows its own again."""

    @abstractmethod
    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give (B,) bool for images (B, C, *S) in [0, 1] and their labels (B, 1, *S)."""

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Judge images, and count.

        Args:
            images: (B, C, *S) in [0, 1].
            labels: (B, 1, *S), whole numbers >= 0.

        Returns:
            (B,), bool, on the CPU.

        Raises:
            ValueError: if there is not one label for each image.
        """
        if len(images) != len(labels) or images.shape[2:] != labels.shape[2:]:
            raise ValueError(
                f"images have shape {tuple(images.shape)} and labels {tuple(labels.shape)}, expected (B, C, *S) and "
                "(B, 1, *S) of equal B and S: pass the label of each image."
            )
        with torch.no_grad():
            verdict = self.judge(images, labels).bool().cpu()
        for passed in verdict.tolist():
            self.seen += 1
            self.passed += passed
            if self.seen in (10, 100, 1000, 10_000, 100_000, 1_000_000):
                logger.info("%s: %d of %d images may be used.", type(self).__name__, self.passed, self.seen)
        return verdict

    @property
    def rate(self) -> float:
        """Share of images that may be used; NaN before the first."""
        return self.passed / self.seen if self.seen else float("nan")


def identify_gate(accept: Callable[[Tensor, Tensor], Tensor] | None) -> str:
    """Give a gate's identity; of other callables the name alone.

    Example:
        >>> identify_gate(None), identify_gate(max)
        ('None', 'builtins.max')
    """
    if isinstance(accept, Gate):
        return accept.identity
    named = accept if accept is None or hasattr(accept, "__qualname__") else type(accept)
    return "None" if named is None else f"{named.__module__}.{named.__qualname__}"


def digest_tensors(tensors: Iterable[Tensor]) -> str:
    """Hash types, shapes and values; 16 hexadecimal digits.

    Example:
        >>> digest_tensors([torch.zeros(2)]) == digest_tensors([torch.zeros(1, 2)])
        False
    """
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


class AllGates(Gate):
    """Lets an image through that every gate lets through; the later ones see what the earlier ones let through.

    Args:
        gates: callables like `Gate`, the cheapest first.

    Raises:
        ValueError: if there is none.

    Example:
        >>> def bright(images, labels):
        ...     return images.mean(dim=(1, 2, 3)) > 0.2
        >>> def dark(images, labels):
        ...     return images.mean(dim=(1, 2, 3)) < 0.8
        >>> images = torch.tensor([0.1, 0.5, 0.9]).reshape(3, 1, 1, 1)
        >>> AllGates([bright, dark])(images, images)
        tensor([False,  True, False])
    """

    def __init__(self, gates: Sequence[Gate]) -> None:
        super().__init__()
        if not gates:
            raise ValueError("gates is empty, expected at least one: pass accept=None for none.")
        self.gates = list(gates)

    @property
    def identity(self) -> str:
        """Those of all gates."""
        return "; ".join(map(identify_gate, self.gates))

    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Ask one gate after the other."""
        verdict = torch.ones(len(images), dtype=torch.bool)
        for gate in self.gates:
            left = verdict.nonzero().flatten()
            if len(left):
                verdict[left] = gate(images[left], labels[left]).bool().cpu()
        return verdict
