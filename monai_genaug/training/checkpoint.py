"""Checkpoints at epoch boundaries from which a training goes on as if it had never stopped."""

from __future__ import annotations

import json
import logging
import os
import shutil
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from ignite.engine import Events
from monai.engines import Trainer
from torch.optim import Optimizer

from monai_genaug._checks import check_choice
from monai_genaug.training.processes import process_rank

logger = logging.getLogger(__name__)


class Checkpoint:
    """Runs a training with one file that holds all that the rest of it depends on, and the one before it.

    The file is written after every epoch, aside and then renamed, so a killed run leaves a whole one. The loader and
    random generators must depend on (seed, epoch) alone, as `SeededLoader` and `EpochSeeds` see to.

    Args:
        path: of the file; the one before it is kept beside it as ``*_previous``.
        parts: networks, moving average, optimisers, schedulers, scalers: whatever has a state_dict.
        identity: what must be equal to go on, such as settings, data and seed; anything that JSON can hold.
        resume: go on from the file, if there is one; ``"previous"``: from the one before, should the last be damaged;
            False: start again.

    Raises:
        ValueError: if `resume` is none of these.

    Example:
        >>> Checkpoint("runs/a/checkpoint.pt", parts={}, identity={"seed": 0}).previous
        PosixPath('runs/a/checkpoint_previous.pt')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        parts: Mapping[str, Any],
        identity: Any,
        resume: bool | Literal["previous"] = True,
    ) -> None:
        self.path, self.parts = Path(path).expanduser(), dict(parts)
        self.identity = json.loads(json.dumps(identity, default=str))
        self.resume = check_choice("resume", resume, (True, False, "previous"))
        self.previous = self.path.with_stem(f"{self.path.stem}_previous")

    def run(self, engine: Trainer, *, earlier: float = 0.0) -> None:
        """Train to the end, from where an earlier run stopped; a finished training is left as it is.

        ``engine.state.seconds`` then holds how long it took in all its pieces, interruptions left out.

        Args:
            engine: built anew, of the same settings; its handlers are attached already.
            earlier: seconds that stages before this one took, which count too.

        Raises:
            ValueError: if the file is damaged or of another training, or another process trains into its folder.
        """
        epochs = engine.state.max_epochs
        if not isinstance(epochs, int) or epochs < 1:
            raise ValueError(f"epochs is {epochs!r}, expected a whole number of at least 1.")
        engine.state.started = time.perf_counter() - earlier
        with ExitStack() as stack:
            if process_rank() == 0:
                stack.enter_context(_sole_writer(self.path.parent))
            done = self.restore(engine) if self.resume else 0
            if done >= engine.state.max_epochs:
                logger.info("%s: all %d epochs are done, nothing is left to train.", self.path, done)
                engine.state.seconds = time.perf_counter() - engine.state.started
                engine.fire_event(Events.COMPLETED)  # for handlers that write what was lost
                return
            if done:
                logger.info("%s: going on after epoch %d of %d.", self.path, done, engine.state.max_epochs)
            if process_rank() == 0:
                engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)  # last, so that it sees what others did
            engine.run()
            engine.state.seconds = time.perf_counter() - engine.state.started

    def save(self, engine: Trainer) -> None:
        """Write the file."""
        state = {
            "identity": json.dumps(self.identity),
            "epoch": engine.state.epoch,
            "seconds": time.perf_counter() - engine.state.started,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            torch.save(state, aside)
            if self.path.exists():
                link = aside.with_suffix(".previous")
                link.unlink(missing_ok=True)
                try:
                    os.link(self.path, link)  # the present file stays in place until the new one takes it
                except OSError:  # a file system without hard links
                    shutil.copy2(self.path, link)
                link.replace(self.previous)
            aside.replace(self.path)
        finally:
            aside.unlink(missing_ok=True)

    def restore(self, engine: Trainer) -> int:
        """Put an engine that was built anew into the state of the file.

        Args:
            engine: of the same settings.

        Returns:
            The epoch that was completed; 0 if there is no file.

        Raises:
            ValueError: if the file is damaged, or of other settings, data or seed.
        """
        path = self.previous if self.resume == "previous" else self.path
        if not path.exists():
            return 0
        state = self._read(path)
        self._check_identity(path, json.loads(state["identity"]))
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        engine.state.started = time.perf_counter() - state["seconds"]
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * (engine.state.epoch_length or 0)
        return int(state["epoch"])

    def _check_identity(self, path: Path, found: Any) -> None:
        if found == self.identity:
            return
        changed = sorted(_differences(found, self.identity), key=lambda text: not text.startswith("settings"))
        raise ValueError(
            f"{path} is of another training ({'; '.join(changed[:6])}): choose another output folder, set these back "
            "to go on, or set resume=false to start again."
        )

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many types here; each means that the file cannot be used
            raise ValueError(
                f"{path} cannot be read, it may be truncated: set resume=previous to go on from the epoch before in "
                f"{self.previous.name}, or delete it to start again. ({type(error).__name__})"
            ) from error


def describe_optimizer(optimizer: Optimizer) -> str:
    """Say how an optimiser was made; what schedulers add to it, and when, does not count.

    Example:
        >>> describe_optimizer(torch.optim.SGD([torch.zeros(1)], lr=0.5))[:13]
        "SGD {'lr': 0."
    """
    return f"{type(optimizer).__name__} {optimizer.defaults}"


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """Name the entries in which two nested dictionaries differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted(found.keys() | wanted.keys())
        return [part for key in keys for part in _differences(found.get(key), wanted.get(key), f"{name}.{key}")]
    if found == wanted:
        return []
    was, now = (textwrap.shorten(repr(value), 60) for value in (found, wanted))
    name = name.lstrip(".") or "identity"
    return [f"{name} was {was}, is {now}" if was != now else f"{name} differs"]


@contextmanager
def _sole_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from training into a folder; the system ends the lock with the process."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"another process trains into {folder}: wait until it has ended, or choose another output folder."
        ) from error
    try:
        yield
    finally:
        lock.release()
