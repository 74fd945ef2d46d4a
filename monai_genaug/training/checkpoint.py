"""Checkpoints at epoch boundaries from which a training goes on as if it had never stopped."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events

from monai_genaug.training.adversarial import AdversarialEngine


class Checkpoint:
    """Keeps one file with all that the rest of a training depends on, and the one before it.

    The file holds networks, moving average, optimisers, schedulers, scalers, epoch and the states of torch's random
    generators; it is written aside and renamed, so a killed run leaves a whole one. Loaders must depend on (seed,
    epoch) alone, as `CropLoader` does.

    Args:
        path: of the file; the one before it is kept beside it as ``*_previous``.
        identity: what must be equal to go on: settings, data and seed, as text.

    Example:
        >>> Checkpoint("runs/a/checkpoint.pt", "seed 0").previous
        PosixPath('runs/a/checkpoint_previous.pt')
    """

    def __init__(self, path: str | os.PathLike[str], identity: str) -> None:
        self.path, self.identity = Path(path), identity
        self.previous = self.path.with_stem(f"{self.path.stem}_previous")
        self._seconds, self._started = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time that training has taken, interruptions left out."""
        return self._seconds + time.perf_counter() - self._started

    def attach(self, engine: AdversarialEngine) -> None:
        """Save after every epoch; attach it last, so that it sees what the other handlers did."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)

    def save(self, engine: AdversarialEngine) -> None:
        """Write the file."""
        state = {
            "identity": self.identity,
            "epoch": engine.state.epoch,
            "seconds": self.seconds,
            "d_losses": engine.last_d_losses,
            "objects": {name: part.state_dict() for name, part in engine.parts().items()},
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if engine.state.device.type == "cuda" else [],
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

    def restore(self, engine: AdversarialEngine, *, previous: bool = False) -> int:
        """Put an engine that was built anew into the state of the file.

        Args:
            engine: of the same settings.
            previous: read the file before the last one.

        Returns:
            The epoch that was completed; 0 if there is no file.

        Raises:
            ValueError: if the file is damaged, or of other settings, data or seed.
        """
        path = self.previous if previous else self.path
        if not path.exists():
            return 0
        state = self._read(path)
        if state["identity"] != self.identity:
            raise ValueError(
                f"{path} is of a training with other settings, images or seed: choose another output folder, or delete "
                f"{self.path.parent} to start again."
            )
        for name, part in engine.parts().items():
            part.load_state_dict(state["objects"][name])
        engine.last_d_losses = state["d_losses"]
        torch.set_rng_state(state["random"])
        if state["random_cuda"]:
            torch.cuda.set_rng_state_all(state["random_cuda"])
        self._seconds, self._started = state["seconds"], time.perf_counter()
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * (engine.state.epoch_length or 0)
        return int(state["epoch"])

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many types here; each means that the file cannot be used
            raise ValueError(
                f"{path} cannot be read, it may be truncated: pass resume='previous' to go on from the epoch before "
                f"in {self.previous.name}, or delete it to start again. ({type(error).__name__})"
            ) from error
