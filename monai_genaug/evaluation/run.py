"""An evaluation of folders: what `monai-genaug evaluate` runs."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from monai_genaug._checks import check_device
from monai_genaug._files import replacing
from monai_genaug.evaluation.evaluate import Progress, evaluate_images
from monai_genaug.evaluation.reading import has_held_out, read_images
from monai_genaug.evaluation.report import write_report
from monai_genaug.evaluation.result import EvaluationResult
from monai_genaug.evaluation.tables import list_left_out, list_tables, summarise
from monai_genaug.metrics.features import load_extractor
from monai_genaug.training.progress import Course, progress_bars
from monai_genaug.training.segmenter import load_segmenter

Folder = str | os.PathLike[str]


class EvaluationFiles(NamedTuple):
    """What an evaluation found, and the files that say so."""

    result: EvaluationResult
    results: Path
    table: Path
    report: Path


def evaluate_folders(
    real: Folder,
    synthetic: Folder,
    output_dir: Folder,
    *,
    masks: Folder | None = None,
    held_out: Folder | None = None,
    segmenter: Folder | None = None,
    classifier: Folder | None = None,
    features: str = "random",
    crop: int = 0,
    pair_names: bool = True,
    nearest: int = 100,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> EvaluationFiles:
    """Evaluate the synthetic images of a folder, and write results.json, table.md and report.html.

    Args:
        real: folder or data set of the training images; see `read_images`.
        synthetic: likewise, of the synthetic ones; if it has labels, they are the masks of its images.
        output_dir: where the files go; those of an earlier evaluation are replaced.
        masks: folder of the masks that synthetic images were made from.
        held_out: folder of real images that were not trained on; of a data set with splits, such as that of `real`,
            its validation and test images.
        segmenter: output folder of a training of nuclei_unet.
        classifier: TorchScript file that gives logits (B, K).
        features: see `load_extractor`.
        crop: see `evaluate_images`.
        pair_names: likewise.
        nearest: likewise.
        seed: likewise.
        device: likewise.
        progress: likewise.

    Returns:
        `EvaluationFiles`.

    Raises:
        FileNotFoundError: if a folder or file does not exist.
        ValueError: for what cannot be read or compared.

    Example:
        >>> evaluate_folders("no_such_folder", "no_such_folder", "out")
        Traceback (most recent call last):
            ...
        FileNotFoundError: ...no_such_folder does not exist, expected a folder of images or a data set.
    """
    given = {"real": real, "synthetic": synthetic, "out": output_dir, "masks": masks, "held-out": held_out}
    given |= {"segmenter": segmenter, "classifier": classifier}
    paths = {name: os.fspath(path) for name, path in given.items() if path is not None}
    folder = Path(output_dir).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, expected a folder for the report: choose another one.")
    for name in ("real", "synthetic", "masks", "held-out"):
        if name in paths and folder.resolve().is_relative_to(Path(paths[name]).expanduser().resolve()):
            raise ValueError(
                f"the report's folder {folder} lies in {paths[name]}, which is read: choose another --out."
            )
    if held_out is not None and Path(held_out).resolve() == Path(real).resolve() and not has_held_out(held_out):
        raise ValueError(
            f"{held_out} lists no validation or test images, so the held-out images would be the real ones: give "
            "another folder, or none."
        )
    check_device(device)
    network = None if segmenter is None else load_segmenter(segmenter, device)
    made = read_images(synthetic, labels=True, masks=masks)
    true = read_images(real, labels=any("label" in item for item in made))
    unseen = None if held_out is None else read_images(held_out, held_out=True)
    logits = None if classifier is None else _load_classifier(classifier)
    result = evaluate_images(
        *(true, made),
        held_out=unseen,
        features=features,
        segmenter=network,
        classifier=logits,
        crop=crop,
        pair_names=pair_names,
        nearest=nearest,
        seed=seed,
        device=device,
        progress=progress,
    )
    result.settings.update(paths)
    with replacing(folder / "results.json") as hidden:
        hidden.write_text(json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with replacing(folder / "table.md") as hidden:
        hidden.write_text(_as_markdown(result), encoding="utf-8")
    command = _as_command(paths, result.settings)
    report = write_report(folder / "report.html", result, true, made, unseen, command=command)
    return EvaluationFiles(result, folder / "results.json", folder / "table.md", report)


@contextmanager
def evaluation_bars(*, show: bool = True) -> Iterator[Progress]:
    """Give what shows a bar for each part of an evaluation.

    Example:
        >>> with evaluation_bars(show=False) as progress:
        ...     progress("measures", 1, 9)
    """
    with progress_bars(show=show) as bars:
        courses: dict[str, Course] = {}

        def progress(what: str, done: int, total: int) -> None:
            courses.setdefault(what, Course(what, bars))(done, total, {})

        yield progress


def print_evaluation(files: EvaluationFiles) -> None:
    """Print tables without their notes, what they say in words, and where the report is."""
    from rich.console import Console

    console = Console(highlight=False)
    for table in list_tables(files.result):
        console.print(table._replace(note="").to_rich())
    for line in summarise(files.result):
        console.print(f"- {line}", markup=False)
    for line in list_left_out(files.result):
        console.print(f"left out: {line}", markup=False)
    print(f"report: {files.report}")


def _load_classifier(path: Folder) -> nn.Module:
    """Load a TorchScript file."""
    if not Path(path).expanduser().is_file():
        raise FileNotFoundError(f"{os.fspath(path)} does not exist, expected a TorchScript file that gives logits.")
    return load_extractor(Path(path), spatial_dims=2, image_channels=1)  # of a file, they do not matter


def _as_markdown(result: EvaluationResult) -> str:
    """Write sentences and tables in Markdown."""
    lists = [summarise(result), list_left_out(result)]
    summary, left_out = ("\n".join(f"- {line}" for line in lines) for lines in lists)
    parts = [f"# Synthetic images against real ones\n\n{summary}\n"]
    parts += [table.to_markdown() for table in list_tables(result)]
    parts += [f"## Left out\n\n{left_out}\n"] if left_out else []
    return "\n".join(parts)


def _as_command(paths: dict[str, str], settings: dict[str, Any]) -> str:
    """Write the command by which the same is evaluated again."""
    options = {name: path for name, path in paths.items() if name not in ("real", "synthetic")}
    options |= {name: str(settings[name]) for name in ("features", "crop", "nearest", "seed", "device")}
    words = ["monai-genaug", "evaluate", paths["real"], paths["synthetic"]]
    words += [word for name, value in options.items() for word in (f"--{name}", value)]
    return shlex.join(words + ([] if settings["pair_names"] else ["--no-pairs"]))
