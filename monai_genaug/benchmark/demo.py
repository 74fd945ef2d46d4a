"""The demo: train a generator on a few labelled images, and see whether a U-Net gains from what it makes."""

from __future__ import annotations

import datetime
import json
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from monai_genaug._rng import derive_seed
from monai_genaug.benchmark.report import (
    Score,
    compare_arms,
    flatten_settings,
    loss_charts,
    prediction_rows,
    synthetic_rows,
    training_row,
    verdict,
    write_report,
)
from monai_genaug.benchmark.segmentation import Segmenter, evaluate_segmenter, train_segmenter
from monai_genaug.data import load_datalist, replacing
from monai_genaug.data.items import Item, load_items
from monai_genaug.data.splits import choose_items
from monai_genaug.generators import ConditionalGenerator, load_generator
from monai_genaug.machine import list_versions
from monai_genaug.phantoms import write_nuclei_dataset
from monai_genaug.training import train_bundle
from monai_genaug.training.progress import Course, progress_bars

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress as Bars

WITHOUT, WITH = "real only", "real and synthetic"  # the two arms
RECORD = "genaug_demo.json"  # a folder that holds it is the demo's
OWN = ("data", "generator", "segmenters", "results.csv", "report.html")
GENERATOR = "nuclei_pix2pix"


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Sizes and budgets of the demo; the defaults take some minutes on two CPU cores.

    Args:
        phantoms: how many phantoms to draw for training and for test, where there is no data set.
        phantom_size: side of a phantom, pixels.
        training_images: labelled images that generator and U-Nets are trained on, chosen by the seed; all if fewer.
        prob: probability that a training image is replaced by a synthetic pair.
        shown: training images in the report.
        generator: overrides of bundles/nuclei_pix2pix; its channels are set to those of the data.
        segmenter: overrides of bundles/nuclei_unet; likewise.
    """

    phantoms: tuple[int, int] = (6, 20)
    phantom_size: int = 128
    training_images: int = 12
    prob: float = 0.3
    shown: int = 4
    generator: Mapping[str, Any] = field(
        default_factory=lambda: {
            "epochs": 16,
            "crop_size": 64,
            "network_def#base_features": 24,
            "discriminator_layers": 2,
            "lambda_l1": 50.0,
            "lambda_mode_seeking": 0.2,
        }
    )
    segmenter: Mapping[str, Any] = field(default_factory=lambda: {"epochs": 12, "crop_size": 64})


class DemoResult(NamedTuple):
    """What the demo wrote, and what it found.

    Args:
        report: the page.
        results: CSV of the scores of each test image in each arm.
        scores: Dice and Jaccard of both arms with the interval of their difference.
        verdict: what this shows, in one sentence.
    """

    report: Path
    results: Path
    scores: list[Score]
    verdict: str


def run_demo(
    output_dir: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: str = "cpu",
    settings: DemoSettings | None = None,
    progress: bool = True,
) -> DemoResult:
    """Train Pix2Pix and two U-Nets, one with synthetic pairs, on a few 2D images, and report on the test images.

    Test images are read only when everything has been trained, and nothing is chosen by them. A run that was stopped
    starts afresh when it is called again.

    Args:
        output_dir: new, empty, or of an earlier demo, whose files are replaced.
        data_dir: what `load_datalist` understands; by default phantoms are drawn.
        seed: of phantoms, choice of images, weights, crops and synthetic pairs.
        device: where to train.
        settings: sizes and budgets.
        progress: whether to show progress bars.

    Returns:
        Paths of ``report.html`` and ``results.csv``, and what they say.

    Raises:
        FileNotFoundError: if there is no such data set.
        ValueError: if `output_dir` holds something else, or the images cannot be used.

    Example:
        >>> run_demo("demo", data_dir="demo/data")
        Traceback (most recent call last):
        ...
        ValueError: the data set demo/data lies in the output folder demo, ...
    """
    settings = settings or DemoSettings()
    folder, source = Path(output_dir), None if data_dir is None else Path(data_dir)
    command = _command(folder, source, seed, device)
    _check_folder(folder, source)
    listed = None if source is None else _list_data(source)
    _clear_folder(folder)
    splits = listed or _list_data(_draw_phantoms(folder / "data", settings, seed))
    chosen = choose_items(splits["training"], settings.training_images, seed)
    training = load_items(chosen)
    settings = _fit_settings(settings, training[0])
    with replacing(folder / RECORD) as hidden:
        hidden.write_text(json.dumps({"command": command, "seed": seed, "settings": asdict(settings)}, indent=2))
    with progress_bars(show=progress) as bars:
        generator, segmenters, courses = _train(chosen, settings, folder, seed, device, bars)

    test = load_items(splits["test"])
    scores = _score(segmenters, test, seed)
    with replacing(folder / "results.csv") as hidden:
        scores.to_csv(hidden, index=False)
    compared = compare_arms(scores, seed=seed)
    report = write_report(
        folder / "report.html",
        source="phantoms of nuclei, drawn for this demo" if source is None else f"data set {source.name}",
        counts={"training": len(training), "test": len(test)},
        scores=compared,
        verdict=verdict(compared[0].difference),
        synthetic=synthetic_rows(training[: settings.shown], generator, seed=seed),
        predictions=prediction_rows(test, segmenters, scores),
        trainings=list(map(training_row, courses, [generator, *(part.network for part in segmenters.values())])),
        charts=loss_charts(courses[0], courses[1:]),
        settings=flatten_settings(asdict(settings)),
        versions=list_versions(),
        command=command,
        date=datetime.date.today().isoformat(),
    )
    return DemoResult(report, folder / "results.csv", compared, verdict(compared[0].difference))


def _train(
    entries: Sequence[dict[str, Any]], settings: DemoSettings, folder: Path, seed: int, device: str, bars: Bars
) -> tuple[ConditionalGenerator, dict[str, Segmenter], list[Course]]:
    """Train the generator, then a U-Net in each arm."""
    generator_dir, courses = folder / "generator", [Course("Pix2Pix", bars)]
    fixed = {
        "datalist": {"training": list(entries), "validation": [], "test": []},
        "output_dir": str(generator_dir),
        "seed": derive_seed(seed, "generator"),
        "device": device,
        "tensorboard": False,
    }
    train_bundle(GENERATOR, {**settings.generator, **fixed}, progress=courses[0])
    segmenters: dict[str, Segmenter] = {}
    for arm, augment in ((WITHOUT, {}), (WITH, {"generator": str(generator_dir), "genaug_prob": settings.prob})):
        courses.append(Course(f"U-Net, {arm}", bars))
        segmenters[arm] = train_segmenter(
            entries,
            {**settings.segmenter, **augment},
            output_dir=folder / "segmenters" / arm.replace(" ", "_"),
            seed=seed,
            device=device,
            progress=courses[-1],
        )
    return load_generator(generator_dir, device), segmenters, courses


def _check_folder(folder: Path, source: Path | None) -> None:
    """Refuse a folder in which the demo would replace what is not its own."""
    if source is not None and source.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"the data set {source} lies in the output folder {folder}, whose files the demo replaces: "
            "choose another output folder."
        )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, expected a folder to write to: choose another output folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).is_file():
        raise ValueError(
            f"{folder} holds files that are not the demo's, expected a new or empty folder, or one of an earlier "
            "demo: choose another output folder."
        )


def _clear_folder(folder: Path) -> None:
    """Make the folder and mark it, and take away what an earlier demo wrote into it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).touch()
    for path in (folder / name for name in OWN):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _draw_phantoms(folder: Path, settings: DemoSettings, seed: int) -> Path:
    """Write phantoms as a data set."""
    training, test = settings.phantoms
    size = (settings.phantom_size,) * 2
    return write_nuclei_dataset(
        folder, counts={"training": training, "test": test}, spatial_size=size, seed=derive_seed(seed, "phantoms")
    )


def _list_data(source: Path) -> dict[str, list[dict[str, Any]]]:
    """List a data set that has test images enough for an interval."""
    splits = load_datalist(source, fractions=(0.6, 0.0, 0.4))  # where there are no splits: none is left unused
    groups = len({entry["group"] for entry in splits["test"]})
    if groups < 2:
        raise ValueError(
            f"{source} has test images of {groups} groups, expected at least 2 to say how scores vary: add "
            "labelled images, or move some to the list `test` of dataset.json."
        )
    return splits


def _fit_settings(settings: DemoSettings, item: Item) -> DemoSettings:
    """Set the channels to those of the data."""
    channels, *size = item["image"].shape
    if len(size) != 2 or channels not in (1, 3):
        raise ValueError(
            f"{item['name']} has {channels} channels and {len(size)} dimensions, expected a 2D image of 1 or 3 "
            "channels: the demo shows pictures; volumes can be trained on with `monai-genaug train`."
        )
    return replace(
        settings,
        generator={**settings.generator, "image_channels": channels},
        segmenter={**settings.segmenter, "image_channels": channels},
    )


def _score(segmenters: Mapping[str, Segmenter], test: Sequence[Item], seed: int) -> pd.DataFrame:
    """Score each arm on each test image."""
    import pandas as pd

    parts = [evaluate_segmenter(segmenter, test).assign(arm=arm, seed=seed) for arm, segmenter in segmenters.items()]
    return pd.concat(parts, ignore_index=True)[["arm", "seed", "index", "name", "group", "dice", "jaccard"]]


def _command(folder: Path, source: Path | None, seed: int, device: str) -> str:
    """Command line that runs this demo again."""
    data = [] if source is None else ["--data", str(source)]
    return shlex.join(["monai-genaug", "demo", *data, "--out", str(folder), "--seed", str(seed), "--device", device])
