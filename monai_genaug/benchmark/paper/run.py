"""The comparison of Pix2Pix and CycleGAN on images of nuclei, from the same start and with the same budget."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_genaug.benchmark.loss_table import LossFile, read_losses
from monai_genaug.benchmark.paper.pictures import Snapshots, write_figure
from monai_genaug.benchmark.paper.plan import MODELS
from monai_genaug.benchmark.paper.report import (
    Trained,
    collect_results,
    interval_table,
    loss_table,
    score_table,
)
from monai_genaug.benchmark.paper.scores import make_image, score_generator, score_image
from monai_genaug.benchmark.paper.setup import KIND, Setup, prepare
from monai_genaug.benchmark.tables import BenchmarkResult
from monai_genaug.data import replacing
from monai_genaug.generators import load_generator
from monai_genaug.machine import describe_machine
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress as Bars


def run_paper(
    content: Mapping[str, Any],
    bars: Bars,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    setting: str = "short",
    device: str | None = None,
) -> BenchmarkResult:
    """Train both models on the same images for the same number of iterations, and score them on the test split.

    Stopped at any moment and called again, it goes on where it was. Nothing is chosen by test images: all that they are
    used for before both models are trained is the figure.

    Args:
        content: of the plan's file.
        bars: where to show how far it is.
        data_dir: what `load_datalist` understands; by default what the plan says.
        output_dir: for results.json, table.csv, table.md, losses.csv, pictures.png and the trainings.
        setting: one of the plan's.
        device: where to train; by default a GPU where there is one.

    Returns:
        The folder and the tables.

    Raises:
        FileNotFoundError: if there is no such data set.
        ValueError: for a wrong plan, data that do not fit it, or a folder that holds something else.

    Example:
        >>> from monai_genaug.training.progress import progress_bars
        >>> with progress_bars(show=False) as bars:
        ...     run_paper({"kind": "paper_nucleus", "epocs": 3, "settings": {"short": {}}}, bars)
        Traceback (most recent call last):
            ...
        ValueError: the plan has the unknown entry 'epocs', did you mean 'epochs'? ...
    """
    setup = prepare(content, data_dir, output_dir, setting, device)
    snapshots = [
        _train(setup, name, seed, entries, bars) for seed, entries in setup.training.items() for name in MODELS
    ]
    trained = {name: _measure(setup, name) for name in MODELS}
    counts = {"training_images": len(setup.training[setup.plan.seeds[0]]), "test_images": len(setup.test)}
    results = {
        "kind": KIND,
        "setting": setting,
        "data": {"name": setup.source.name, **counts},
        "machine": describe_machine(setup.device),
        **collect_results(setup.plan, trained, _measure_real(setup), setup.epoch_length),
    }
    tables = [score_table(results, setup.describe()), loss_table(results)]
    _write_tables(setup, trained, results, tables)
    _write_pictures(setup, snapshots[: len(MODELS)])
    return BenchmarkResult(setup.folder, tables)


def _train(setup: Setup, name: str, seed: int, entries: Sequence[dict[str, Any]], bars: Bars) -> Snapshots:
    """Train one model, or go on; images are kept for the figure of the first seed alone."""
    plan, model, folder = setup.plan, MODELS[name], setup.place(name, seed)
    shown = setup.shown()
    snapshots = Snapshots(
        folder / "pictures",
        plan.picture_epochs(setup.epoch_length) if seed == plan.seeds[0] else [],
        setup.epoch_length,
        lambda: [make_image(load_generator(folder, setup.device), item, seed) for item in shown],
    )
    overrides = {
        **plan.overrides(name, images=len(entries)),
        **model.data(entries),
        "image_channels": setup.test[0]["image"].shape[0],
        "output_dir": str(folder),
        "seed": seed,
        "device": str(setup.device),
        "sample_interval": plan.epochs,
        "tensorboard": False,
    }
    course = Course(f"{model.title}, seed {seed}", bars)
    with LossFile(folder / "losses.csv", then=[course, snapshots]) as tell:
        train_bundle(model.bundle, overrides, progress=tell)
    snapshots.take(plan.epochs)
    return snapshots


def _measure(setup: Setup, name: str) -> Trained:
    """Score what was trained of one model, and read its losses."""
    import pandas as pd

    scores, losses, parameters = [], [], 0
    for seed in setup.plan.seeds:
        folder = setup.place(name, seed)
        generator = load_generator(folder, setup.device)
        parameters = sum(parameter.numel() for parameter in generator.parameters())
        rows = score_generator(generator, setup.test, seed=seed, nuclei=setup.plan.nuclei)
        scores.append(pd.DataFrame(rows).assign(seed=seed))
        read = read_losses(folder / "losses.csv", setup.plan.epochs * setup.epoch_length)
        losses.append(read.assign(seed=seed))
    return Trained(pd.concat(scores), pd.concat(losses), parameters)


def _measure_real(setup: Setup) -> pd.DataFrame:
    """Score the real images in the place of generated ones."""
    import pandas as pd

    items, nuclei = setup.test, setup.plan.nuclei
    rows = [score_image(item["image"], item["image"], item["label"], nuclei=nuclei) for item in items]
    return pd.DataFrame(rows).assign(number=range(len(items)), seed=0)


def _write_tables(
    setup: Setup, trained: Mapping[str, Trained], results: Mapping[str, Any], tables: Sequence[Any]
) -> None:
    """Write table.csv, losses.csv, table.md and results.json."""
    import pandas as pd

    scores = pd.concat([found.scores.assign(model=name) for name, found in trained.items()])
    first = ["model", "seed", "number", "image"]
    frames = {
        "table.csv": scores[[*first, *scores.columns.drop(first)]],
        "losses.csv": interval_table(trained, setup.plan.intervals),
    }
    texts = {
        **{name: frame.to_csv(index=False, float_format="%.7g") for name, frame in frames.items()},
        "table.md": "\n".join(table.to_markdown() for table in tables),
        "results.json": json.dumps(results, indent=1, allow_nan=False) + "\n",
    }
    for name, text in texts.items():
        with replacing(setup.folder / name) as hidden:
            hidden.write_text(text, encoding="utf-8")


def _write_pictures(setup: Setup, snapshots: Sequence[Snapshots]) -> Path:
    """Draw pictures.png: for each test mask that is shown a row for each model."""
    epochs = setup.plan.picture_epochs(setup.epoch_length)
    headings = ["mask", "original", *(f"iteration {epoch * setup.epoch_length}" for epoch in epochs)]
    made = [taken.load() for taken in snapshots]
    rows = [
        (model.title, [item["label"], item["image"], *(images[number] for images in by_epoch)])
        for number, item in enumerate(setup.shown())
        for model, by_epoch in zip(MODELS.values(), made, strict=True)
    ]
    return write_figure(setup.folder / "pictures.png", headings, rows)
