"""Training a Pix2Pix generator from images in memory, without a bundle."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from ignite.engine import Events
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from monai_genaug._checks import check_choice, check_device, check_label
from monai_genaug._rng import manual_seed
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.generators.load import build_generator, is_generator, save_generator
from monai_genaug.generators.pix2pix import Pix2PixGenerator
from monai_genaug.losses import PatchGANLoss
from monai_genaug.training.adversarial import AdversarialEngine
from monai_genaug.training.checkpoint import Checkpoint
from monai_genaug.training.crops import CropLoader
from monai_genaug.training.pix2pix import Pix2PixEngine, patch_discriminator
from monai_genaug.training.progress import Course, progress_bars
from monai_genaug.training.settings import Pix2PixSettings

MOST_CLASSES = 8
Progress = Callable[[int, int, dict[str, float]], None]


def train_pix2pix(
    items: Sequence[Mapping[str, Tensor]],
    settings: Pix2PixSettings,
    *,
    output_dir: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
    resume: bool | Literal["previous"] = True,
) -> Path:
    """Train a Pix2Pix generator on random crops of labelled images and write its folder.

    Called again after it was stopped, it goes on from its last epoch and ends, on the same machine, with the same
    weights as a run that was not stopped.

    Args:
        items: each ``{"image": (C, *S) float in [0, 1], "label": (1, *S) whole numbers}``.
        settings: networks, losses and budget.
        output_dir: written anew after every epoch; what `load_generator` and `GenerativeAugmentd` take.
        device: where to train.
        seed: of weights, crops and noise; the global generators are put back afterwards.
        progress: called after each iteration as ``progress(done, total, losses)``; by default a bar is shown.
        resume: go on from the folder's ``checkpoint.pt``, if there is one; ``"previous"``: from the epoch before,
            should the last one be damaged; False: start again.

    Returns:
        `output_dir`.

    Raises:
        ValueError: if images and settings do not fit, or the folder's checkpoint is damaged or of another training.
        NonFiniteLossError: if training diverges; the folder keeps the last good epoch.

    Example:
        >>> import tempfile
        >>> from monai_genaug.generators import load_generator
        >>> item = {"image": torch.rand(1, 32, 32), "label": torch.ones(1, 32, 32)}
        >>> tiny = Pix2PixSettings(crop_size=16, levels=2, base_features=4, discriminator_layers=1, epochs=1,
        ...                        iterations_per_epoch=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load_generator(train_pix2pix([item], tiny, output_dir=folder)).name
        'Pix2PixGenerator'
    """
    _check_items(items, settings)
    check_choice("resume", resume, (True, False, "previous"))
    device, output_dir = check_device(device), Path(output_dir).expanduser()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), ExitStack() as stack:
        manual_seed(seed, device)
        engine = build_pix2pix_engine(items, settings, device=device, seed=seed)
        checkpoint = Checkpoint(output_dir / "checkpoint.pt", _identity(items, settings, seed))
        done = checkpoint.restore(engine, previous=resume == "previous") if resume else 0
        notes = {"family": "pix2pix", "settings": asdict(settings), "seed": seed, "images": len(items)}
        if done >= settings.epochs:
            if not is_generator(output_dir):  # its files were lost: the same weights again
                _save(engine, output_dir, settings, checkpoint, notes)
            return output_dir
        engine.add_event_handler(Events.EPOCH_COMPLETED, _save, output_dir, settings, checkpoint, notes)
        checkpoint.attach(engine)
        tell = progress or Course("Pix2Pix", stack.enter_context(progress_bars()))
        engine.add_event_handler(
            Events.ITERATION_COMPLETED, lambda e: tell(e.state.iteration, settings.iterations, _floats(e.state.output))
        )
        engine.run()
    return output_dir


def _save(
    engine: AdversarialEngine,
    output_dir: Path,
    settings: Pix2PixSettings,
    checkpoint: Checkpoint,
    notes: dict[str, Any],
) -> None:
    """Write the generator's folder as it is after an epoch."""
    training = {
        **notes,
        "epoch": engine.state.epoch,
        "seconds": round(checkpoint.seconds, 1),
        "losses": _floats(engine.state.output or {}),
    }
    save_generator(output_dir, settings.network_config, engine.ema_network.state_dict(), {"training": training})


def build_pix2pix_engine(
    items: Sequence[Mapping[str, Tensor]], settings: Pix2PixSettings, *, device: torch.device, seed: int
) -> Pix2PixEngine:
    """Put networks, optimisers, crops and engine together; weights are drawn from torch's global generator."""
    generator = build_generator(settings.network_config).to(device)
    assert isinstance(generator, Pix2PixGenerator)  # network_config says so
    discriminator = patch_discriminator(
        settings.spatial_dims,
        generator.condition_channels + settings.image_channels,
        base_features=settings.discriminator_features,
        layers=settings.discriminator_layers,
        norm=settings.norm,
    ).to(device)
    adams = [Adam(net.parameters(), settings.learning_rate, (0.5, 0.999)) for net in (generator.network, discriminator)]
    schedulers = [linear_decay(adam, settings.epochs) for adam in adams]
    return Pix2PixEngine(
        generator=generator,
        discriminator=discriminator,
        adversarial_loss=PatchGANLoss(settings.adversarial, settings.label_smoothing),
        lambda_l1=settings.lambda_l1,
        lambda_mode_seeking=settings.lambda_mode_seeking,
        device=device,
        max_epochs=settings.epochs,
        epoch_length=settings.iterations_per_epoch,
        train_data_loader=CropLoader(items, settings, seed=seed),
        g_optimizer=adams[0],
        d_optimizer=adams[1],
        g_scheduler=schedulers[0],
        d_scheduler=schedulers[1],
        ema_momentum=settings.ema_momentum,
        d_interval=settings.d_interval,
        max_grad_norm=settings.max_grad_norm,
        instance_noise=settings.instance_noise,
    )


def linear_decay(optimizer: Optimizer, epochs: int) -> LambdaLR:
    """Keep the learning rate for half of the epochs, then let it fall linearly to 0 (Isola et al. 2017's schedule).

    Args:
        optimizer: whose rate falls.
        epochs: of the whole run; the scheduler is stepped once in each.

    Returns:
        A scheduler.

    Example:
        >>> optimizer = Adam([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> scheduler, rates = linear_decay(optimizer, 4), []
        >>> for _ in range(4):
        ...     rates.append(round(optimizer.param_groups[0]["lr"], 3)); optimizer.step(); scheduler.step()
        >>> rates
        [1.0, 1.0, 1.0, 0.5]
    """
    kept = epochs - epochs // 2
    return LambdaLR(optimizer, lambda epoch: min(1.0, (epochs - epoch) / (epochs - kept)) if epochs > kept else 1.0)


def _check_items(items: Sequence[Mapping[str, Tensor]], settings: Pix2PixSettings) -> None:
    if not items:
        raise ValueError("there are no items to train on, expected at least one labelled image.")
    if settings.crop_size % 2**settings.levels:
        raise ValueError(
            f"crop_size is {settings.crop_size}, expected a multiple of 2**levels = {2**settings.levels}: "
            "change one of the two."
        )
    labels: list[Tensor] = []
    for number, item in enumerate(items):
        image, label = item["image"], item["label"]
        expected = f"image ({settings.image_channels}, *S) and label (1, *S) with {settings.spatial_dims} spatial dims"
        if (
            image.ndim != settings.spatial_dims + 1
            or image.shape[0] != settings.image_channels
            or tuple(label.shape) != (1, *image.shape[1:])
        ):
            raise ValueError(
                f"item {number} has image {tuple(image.shape)} and label {tuple(label.shape)}, expected {expected}: "
                "set image_channels and spatial_dims to those of the data."
            )
        labels.append(check_label(as_plain_tensor(label), name=f"label of item {number}"))
        if not torch.isfinite(image).all() or image.min() < 0 or image.max() > 1:
            raise ValueError(
                f"item {number} has image values from {image.min():g} to {image.max():g}, expected finite ones in "
                "[0, 1]: scale with ScaleIntensityRanged(..., b_min=0, b_max=1, clip=True) or ScaleIntensityd."
            )
    if settings.num_classes is None:
        _warn_of_classes(labels)


def _warn_of_classes(labels: Sequence[Tensor]) -> None:
    """Say that labels look like classes, where the generator is to see foreground alone."""
    values = torch.cat([label.unique() for label in labels]).unique().tolist()
    if len(labels) > 1 and 1 < max(values) <= MOST_CLASSES:
        warnings.warn(
            f"labels hold the values {values} in all {len(labels)} items; the generator will see foreground and "
            f"background only. If they are classes, set num_classes={max(values)}.",
            stacklevel=3,
        )


def _floats(output: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in output.items()}


def _identity(items: Sequence[Mapping[str, Tensor]], settings: Pix2PixSettings, seed: int) -> str:
    """Name all that must be equal for a training to go on."""
    digest = hashlib.sha256()
    for item in items:
        for key in ("image", "label"):
            digest.update(as_plain_tensor(item[key]).to(torch.float32).contiguous().cpu().numpy().tobytes())
    return json.dumps({"settings": asdict(settings), "seed": seed, "items": digest.hexdigest()}, sort_keys=True)
