"""A generator by name: small to pickle, loaded once in each process."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any

import torch

from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.folders import digest_generator, find_generator
from monai_genaug.generators.load import load_generator

_LOADED: dict[GeneratorHandle, ConditionalGenerator] = {}
_LOCK = threading.Lock()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=lambda: globals().update(_LOCK=threading.Lock()))


class GeneratorHandle:
    """A path, a digest and a device: what transforms hold, so that workers get some hundred bytes and no network.

    Two handles are equal where folder content and device are; the hash is the same in every process.

    Args:
        name_or_dir: see `load_generator`.
        device: where the network goes on first use.

    Raises:
        FileNotFoundError: if there is no generator there.

    Example:
        >>> GeneratorHandle("no_such_bundle")
        Traceback (most recent call last):
            ...
        FileNotFoundError: no generator 'no_such_bundle': ...
    """

    def __init__(self, name_or_dir: str | os.PathLike[str], device: str | torch.device = "cpu") -> None:
        folder = find_generator(name_or_dir)
        self.folder = str(folder)
        self.digest = digest_generator(folder)
        self.device = str(torch.device(device))
        self._pid = os.getpid()

    @property
    def name(self) -> str:
        """Last part of the folder's path."""
        return os.path.basename(self.folder)

    def load(self) -> ConditionalGenerator:
        """Give this process's generator, loading it on first use.

        Raises:
            RuntimeError: for CUDA in a forked process.
            ValueError: if the files changed since the handle was made, or cannot be loaded.
        """
        check_device_after_fork(self.device, self._pid)
        with _LOCK:
            if self not in _LOADED:
                if digest_generator(find_generator(self.folder)) != self.digest:
                    raise ValueError(
                        f"the generator in {self.folder} has changed since this run began: start again to use the new "
                        "one, or keep the old one in another folder."
                    )
                _LOADED[self] = load_generator(self.folder, self.device)
            return _LOADED[self]

    def __eq__(self, other: object) -> bool:
        """Compare digest and device."""
        return isinstance(other, GeneratorHandle) and (self.digest, self.device) == (other.digest, other.device)

    def __hash__(self) -> int:
        """Give the same number in every process, unlike the hash of a string."""
        return int(self.digest[:15], 16) ^ sum(self.device.encode())

    def __deepcopy__(self, memo: dict[int, Any]) -> GeneratorHandle:
        """Give itself, so that a copy made in a forked process is known as forked."""
        return self

    def __repr__(self) -> str:
        return f"GeneratorHandle({self.folder!r}, device={self.device!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "digest": self.digest, "device": self.device}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _pid=os.getpid())


class LiveHandle:
    """A live generator in the place of a handle; a deep copy shares it, a pickle is refused by the generator."""

    def __init__(self, generator: ConditionalGenerator) -> None:
        self.generator = generator
        self.name = generator.name
        self.digest = digest_state(generator)
        self._pid = os.getpid()

    def load(self) -> ConditionalGenerator:
        """Give the generator; RuntimeError for CUDA in a forked process."""
        check_device_after_fork(self.generator.device, self._pid)
        return self.generator

    def __deepcopy__(self, memo: dict[int, Any]) -> LiveHandle:
        """Give itself: MONAI copies random transforms for threads, and a network must not be copied for each sample."""
        return self


def as_handle(
    generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator, device: str | torch.device
) -> GeneratorHandle | LiveHandle:
    """Give a handle of whatever users may pass as a generator.

    Args:
        generator: a folder, the name of a shipped bundle, a handle or a live generator.
        device: for a folder or a name; handles and live generators have their own.

    Raises:
        TypeError: for anything else.
        FileNotFoundError: if there is no such folder or bundle.

    Example:
        >>> as_handle(torch.nn.Identity(), "cpu")
        Traceback (most recent call last):
            ...
        TypeError: generator is a Identity, expected ...
    """
    if isinstance(generator, GeneratorHandle):
        return generator
    if isinstance(generator, ConditionalGenerator):
        return LiveHandle(generator)
    if isinstance(generator, str | os.PathLike):
        return GeneratorHandle(generator, device)
    raise TypeError(
        f"generator is a {type(generator).__name__}, expected a folder, the name of a shipped bundle, a "
        "GeneratorHandle or a ConditionalGenerator: wrap a network of your own in ModuleGenerator."
    )


def digest_of(generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator | None) -> str:
    """Hash what determines a generator's images, for records of what a training used; 64 digits, empty for None.

    Example:
        >>> digest_of(None)
        ''
    """
    return "" if generator is None else as_handle(generator, "cpu").digest


def digest_state(generator: ConditionalGenerator) -> str:
    """Hash a live generator's class and weights; 64 hexadecimal digits."""
    digest = hashlib.sha256(generator.name.encode())
    for name, tensor in generator.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_device_after_fork(device: str | torch.device, home_pid: int) -> None:
    """Refuse CUDA in a process that was forked from the one in which an object was made.

    Args:
        device: where a network would run.
        home_pid: process in which the object was made or unpickled.

    Raises:
        RuntimeError: if CUDA would be used after a fork, which it does not survive.

    Example:
        >>> check_device_after_fork("cuda", os.getpid())
    """
    if torch.device(device).type == "cuda" and os.getpid() != home_pid:
        raise RuntimeError(
            f"a generator on {device} cannot run in a forked DataLoader worker. Either pass device='cpu' to "
            "GenerativeAugmentd, or start the workers with DataLoader(..., multiprocessing_context='spawn')."
        )
