"""What a comparison of Pix2Pix and CycleGAN writes: figures for machines, tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from monai_genaug.benchmark.loss_table import average_losses, median_seconds
from monai_genaug.benchmark.paper.plan import MODELS, PaperPlan
from monai_genaug.benchmark.paper.scores import SCORES, summarise_scores
from monai_genaug.tables import Table

if TYPE_CHECKING:
    import pandas as pd

NONE = "-"
TIMES = {"seconds_per_iteration": "seconds, iteration", "seconds_per_epoch": "seconds, epoch"}
LOSSES = {"g_loss": "generator", "d_loss": "discriminator"}


class Trained(NamedTuple):
    """What was measured of one model, over all seeds.

    Args:
        scores: rows of `score_generator` with a column seed.
        losses: rows of `read_losses` with a column seed.
        parameters: numbers that the generator learns, both directions of a CycleGAN.
    """

    scores: pd.DataFrame
    losses: pd.DataFrame
    parameters: int


def collect_results(
    plan: PaperPlan, trained: Mapping[str, Trained], real: pd.DataFrame, epoch_length: int
) -> dict[str, Any]:
    """Put all figures together.

    Args:
        plan: what was compared.
        trained: what was measured, by model.
        real: rows of `score_generator` in which the real images stand for generated ones.
        epoch_length: iterations of an epoch.

    Returns:
        Entries for results.json, which hold nothing but numbers, texts and None.
    """
    models = {}
    for name, found in trained.items():
        losses = found.losses.drop(columns="seed")
        models[name] = {
            "title": MODELS[name].title,
            "parameters": found.parameters,
            "epochs": plan.epochs,
            "iterations": plan.epochs * epoch_length,
            "scores": summarise_scores(found.scores),
            **median_seconds(losses, epoch_length),
            "losses": average_losses(losses, plan.intervals),
        }
    ceiling = summarise_scores(real)
    return {
        "models": models,
        "real_images": {name: ceiling[name] for name in ("jaccard_mask", "dice_mask")},
        "published": {name: dict(figures) for name, figures in plan.published.items()},
        "settings": asdict(plan),
    }


def interval_table(trained: Mapping[str, Trained], intervals: int) -> pd.DataFrame:
    """Give the losses of each model and seed over equal intervals, as losses.csv holds them.

    Returns:
        Columns model, seed, first and last iteration, loss, mean and std.
    """
    import pandas as pd

    rows = [
        {"model": name, "seed": seed, **part}
        for name, found in trained.items()
        for seed, frame in found.losses.groupby("seed", sort=False)
        for part in average_losses(frame.drop(columns="seed"), intervals)
    ]
    return pd.DataFrame(rows).rename(columns={"first": "first_iteration", "last": "last_iteration"})


def score_table(results: Mapping[str, Any], title: str) -> Table:
    """Lay scores and durations of the models beside each other and beside those of the paper.

    Args:
        results: of `collect_results`.
        title: what was compared on what.
    """
    models, published = results["models"], results["published"]
    ours = [[_score(model["scores"][name]) for model in models.values()] for name in SCORES]
    ours += [[_digits(model[name]) for model in models.values()] for name in TIMES]
    theirs = [[f"{figures.get(name, NONE)}" for figures in published.values()] for name in (*SCORES, *TIMES)]
    names = [*SCORES.values(), *TIMES.values()]
    columns = ["", *(model["title"] for model in models.values())]
    columns += [f"{models[model]['title']}, paper*" for model in published]
    rows = [[name, *mine, *other] for name, mine, other in zip(names, ours, theirs, strict=True)]
    return Table(title, columns, rows, _score_note(results))


def loss_table(results: Mapping[str, Any]) -> Table:
    """Lay the losses of generator and discriminator of both models beside each other, by interval."""
    models = results["models"]
    columns = ["iterations"] + [f"{model['title']} {part}" for model in models.values() for part in LOSSES.values()]
    cells: dict[tuple[int, int], list[str]] = {}
    for model in models.values():
        for name in LOSSES:
            for part in model["losses"]:
                if part["loss"] == name:
                    cells.setdefault((part["first"], part["last"]), []).append(_spread(part["mean"], part["std"]))
    rows = [[f"{first} to {last}", *texts] for (first, last), texts in cells.items()]
    note = (
        "Mean ± standard deviation over the iterations of an interval. The losses of a generator are sums of weighted "
        "terms, other ones for each model: they say how each training went, and not which is better."
    )
    return Table("Losses", columns, rows, note)


def _score_note(results: Mapping[str, Any]) -> str:
    """Say how the figures came about."""
    settings, models, real = results["settings"], results["models"].values(), results["real_images"]
    seeds = len(settings["seeds"])
    side = "above" if settings["nuclei"] == "bright" else "below"
    over = f"of the mean over {seeds} seeds, and in brackets over seeds" if seeds > 1 else "of one seed"
    jaccard, dice = (_score(real[name]) for name in ("jaccard_mask", "dice_mask"))
    sentences = [
        f"Mean ± standard deviation over test images, {over}.",
        f"Nuclei are what lies {side} an image's own Otsu threshold; those of the generated image are compared with "
        "those of the real image and with the mask it was made from; where neither has any, the overlap is 1.",
        f"Nuclei of the real images and masks: Jaccard {jaccard}, Dice {dice}.",
        "SSIM, PSNR and error are between generated and real image in the range 0 to 1, to which real ones are scaled "
        "by their percentiles 0.1 and 99.9 (8-bit colour by 255).",
        "Seconds are medians of the training; an epoch includes the saving of weights.",
    ]
    if min(model["scores"]["psnr"]["n"] for model in models) < max(model["scores"]["dice"]["n"] for model in models):
        sentences.append("PSNR leaves out images that equal the real one.")
    if results["published"]:
        sentences.append("* The paper's own figures, of other data and another machine: they do not measure ours.")
    return " ".join(sentences)


def _score(summary: Mapping[str, Any]) -> str:
    text = _spread(summary["mean"], summary["std_images"])
    return text if summary["std_seeds"] is None else f"{text} (± {_digits(summary['std_seeds'])})"


def _spread(mean: float | None, deviation: float | None) -> str:
    return _digits(mean) if deviation is None else f"{_digits(mean)} ± {_digits(deviation)}"


def _digits(value: float | None) -> str:
    """Write three digits that count."""
    return NONE if value is None else f"{value:#.3g}".rstrip(".")
