"""What happens around the iterations of a training: seeds, saving, pictures, progress."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Trainer
from monai.engines.utils import IterationEvents
from torch import Tensor

from monai_genaug._checks import check_at_least
from monai_genaug._rng import derive_seed, manual_seed
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.data.writers import replacing
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.generators.config import build_generator, describe_generator
from monai_genaug.generators.folders import is_generator
from monai_genaug.generators.load import save_generator
from monai_genaug.training.adversarial import NonFiniteLossError
from monai_genaug.training.processes import process_rank, unwrap
from monai_genaug.training.progress import Progress


def seed_weights(seed: int) -> None:
    """Seed torch's global generator of the CPU, from which first weights are drawn, and no other.

    Args:
        seed: of the training; what is set is derived from it.

    Example:
        >>> with torch.random.fork_rng():
        ...     seed_weights(0)
    """
    manual_seed(derive_seed(seed, "weights"), torch.device("cpu"))


class EpochSeeds:
    """Makes all that is random in an epoch depend on (seed, epoch, process) alone, so that training can go on exactly.

    Args:
        seed: of torch's global generators (dropout, noise), which it sets at the start of each epoch.
        loader: told of the epoch by its `set_epoch`, if it has one.
    """

    def __init__(self, seed: int, loader: Iterable[Any]) -> None:
        self.seed, self.loader = seed, loader

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Trainer) -> None:
        """Begin an epoch."""
        manual_seed(derive_seed(self.seed, "epoch", engine.state.epoch, process_rank()), engine.state.device)
        if hasattr(self.loader, "set_epoch"):
            self.loader.set_epoch(engine.state.epoch)


class GeneratorSaver:
    """Writes the folder that `load_generator` reads after every epoch, with the moving average if there is one.

    Args:
        output_dir: the folder.
        generator: whose network is trained; built of this package's classes.
        metadata: of the bundle; what training determines is filled in.
        notes: more about this training, such as its settings.

    Raises:
        ValueError: at once, and not after hours, if the generator could not be loaded again.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        generator: ConditionalGenerator,
        *,
        metadata: Mapping[str, Any] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        describe_generator(generator)
        self.folder, self.generator = Path(output_dir).expanduser(), generator
        self.metadata, self.notes = dict(metadata or {}), dict(notes or {})

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self.write_lost)

    def write_lost(self, engine: Trainer) -> None:
        """Write the folder of a finished training again, if its files are gone."""
        if not is_generator(self.folder):
            self(engine)

    def __call__(self, engine: Trainer) -> None:
        """Write the folder."""
        training = {
            **self.notes,
            "epoch": engine.state.epoch,
            "seconds": round(time.perf_counter() - getattr(engine.state, "started", time.perf_counter()), 1),
            "losses": as_floats(engine.state.output),
        }
        metadata = {**fit_metadata(self.metadata, self.generator), "training": training}
        save_generator(self.folder, self.generator, weights=averaged(engine).state_dict(), metadata=metadata)


class NetworkSaver:
    """Writes a network's weights after every epoch, aside and then renamed.

    Args:
        path: of the file.
        network: whose state dict is written; that inside a `DistributedDataParallel`.
    """

    def __init__(self, path: str | os.PathLike[str], network: torch.nn.Module) -> None:
        self.path, self.network = Path(path).expanduser(), network

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self.write_lost)

    def write_lost(self, engine: Trainer) -> None:
        """Write the file of a finished training again, if it is gone."""
        if not self.path.is_file():
            self(engine)

    def __call__(self, engine: Trainer) -> None:
        """Write the file."""
        with replacing(self.path) as hidden:
            torch.save(unwrap(self.network).state_dict(), hidden)


class StopOnNonFinite:
    """Stops MONAI's `SupervisedTrainer` at a loss that is NaN or Inf, before any weight is changed by it."""

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self)

    def __call__(self, engine: Trainer) -> None:
        """Raise NonFiniteLossError if the loss is not finite."""
        loss = engine.state.output["loss"]
        if not torch.isfinite(loss).all():
            raise NonFiniteLossError(
                f"the loss is {loss.item():g} in iteration {engine.state.iteration} (epoch {engine.state.epoch}). No "
                "weight was changed by it and what was saved before stays; lower the learning rate, or look for NaN in "
                "the images."
            )


class SampleGrid:
    """Writes a picture every few epochs: a row for each label, with synthetic images of some seeds.

    The real image stands before them, where there is one.

    Args:
        output_dir: pictures go to its folder ``samples``.
        generator: whose network is trained.
        dataset: items with label (1, *S) and, if it is known, image (C, *S) in [0, 1]; of volumes the middle slice is
            shown.
        interval: epochs between two pictures; the last epoch has one too.
        rows: how many items are shown.
        seeds: how many synthetic images each has.

    Raises:
        ValueError: if `interval`, `rows` or `seeds` is below 1; as training begins, if items do not fit the generator.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        generator: ConditionalGenerator,
        dataset: Sequence[Mapping[str, Tensor]],
        *,
        interval: int = 5,
        rows: int = 4,
        seeds: int = 3,
    ) -> None:
        check_at_least(1, sample_interval=interval, sample_rows=rows, sample_seeds=seeds)
        self.folder, self.generator, self.dataset = Path(output_dir).expanduser() / "samples", generator, dataset
        self.interval, self.rows, self.seeds = interval, rows, seeds

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.STARTED, self.check)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def check(self, engine: Trainer) -> None:
        """Read what will be shown and refuse, before the first epoch, what the generator does not fit."""
        for item in self._shown():
            self.generator.encode(as_plain_tensor(item["label"])[None])
            if "image" not in item:
                continue
            found, expected = tuple(item["image"].shape), (self.generator.image_channels, *item["label"].shape[1:])
            if found != expected:
                raise ValueError(
                    f"an image that is to be shown beside synthetic ones has shape {found}, expected {expected} as its "
                    "label and the generator say: correct it, or take it out of the data set."
                )

    def _shown(self) -> Iterator[Mapping[str, Tensor]]:
        return (self.dataset[index] for index in range(min(self.rows, len(self.dataset))))

    def __call__(self, engine: Trainer) -> None:
        """Write the picture of this epoch, if it is its turn."""
        epoch = engine.state.epoch
        if epoch % self.interval and epoch != engine.state.max_epochs:
            return
        from monai_genaug.pictures import write_grid

        generator = build_generator(describe_generator(self.generator)).to(engine.state.device)
        generator.get_submodule("network").load_state_dict(averaged(engine).state_dict())
        rows = []
        for item in self._shown():
            label, real = as_plain_tensor(item["label"]), [as_plain_tensor(item["image"])] if "image" in item else []
            condition = generator.encode(label[None].to(engine.state.device))
            made = generator.sample(condition.expand(self.seeds, *condition.shape[1:]), seeds=range(self.seeds))
            rows.append([label, *real, *made.cpu()])
        write_grid(self.folder / f"epoch_{epoch:04d}.png", rows)


class ProgressHandler:
    """Tells of each iteration.

    Args:
        tell: called as ``tell(done, total, losses)``.
    """

    def __init__(self, tell: Progress) -> None:
        self.tell = tell

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Trainer) -> None:
        """Tell of an iteration."""
        total = engine.state.max_epochs * engine.state.epoch_length
        self.tell(engine.state.iteration, total, as_floats(engine.state.output))


def averaged(engine: Trainer) -> torch.nn.Module:
    """Give the network that is kept: the moving average of the generator's, or itself if there is none."""
    return unwrap(engine.ema_network)


def as_floats(output: Any) -> dict[str, float]:
    """Give the scalars of an engine's output as numbers, for logs.

    Args:
        output: dictionary of tensors, or a list that holds one.

    Example:
        >>> as_floats({"loss": torch.tensor(0.5), "image": torch.zeros(2)})
        {'loss': 0.5}
    """
    output = output[0] if isinstance(output, Sequence) and output else output
    if not isinstance(output, Mapping):
        return {}
    scalars = {name: value.detach() if isinstance(value, Tensor) else value for name, value in output.items()}
    return {
        name: float(value)
        for name, value in scalars.items()
        if isinstance(value, float | int) or (isinstance(value, Tensor) and value.ndim == 0)
    }


def fit_metadata(metadata: Mapping[str, Any], generator: ConditionalGenerator) -> dict[str, Any]:
    """Set the channels and dimensions in a bundle's metadata to those of the generator that was trained."""
    metadata = {key: value for key, value in metadata.items() if key != "training"}
    data_format = metadata.get("network_data_format")
    if not data_format:
        return metadata
    inputs, outputs = data_format["inputs"]["image"], data_format["outputs"]["pred"]
    return {
        **metadata,
        "network_data_format": {
            **data_format,
            "inputs": {"image": _shaped(inputs, generator.condition_channels, generator)},
            "outputs": {"pred": _shaped(outputs, generator.image_channels, generator)},
        },
    }


def _shaped(entry: Mapping[str, Any], channels: int, generator: ConditionalGenerator) -> dict[str, Any]:
    names = {str(number): f"channel {number}" for number in range(channels)}
    kept = entry.get("channel_def", {}) if len(entry.get("channel_def", {})) == channels else names
    shape = [f"{generator.stride}*n"] * generator.spatial_dims
    return {**entry, "num_channels": channels, "spatial_shape": shape, "channel_def": kept}
