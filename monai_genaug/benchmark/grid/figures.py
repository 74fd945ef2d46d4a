"""Charts and pictures of a grid's report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from monai.bundle import ConfigParser

from monai_genaug.benchmark.charts import IntervalChart, Measured, ScatterChart, interval_chart, scatter_chart
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.facts import Kitchens
from monai_genaug.benchmark.grid.gain_tables import show_difference
from monai_genaug.benchmark.grid.gains import Gain, Recipe, Runs, arrange_runs, baseline_of, name_recipe
from monai_genaug.benchmark.grid.plan import BASELINE
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.benchmark.grid.store import CellResult
from monai_genaug.benchmark.grid.trained import find_generator, find_pairs, find_segmenter
from monai_genaug.benchmark.grid.verdicts import counted
from monai_genaug.benchmark.report import synthetic_rows
from monai_genaug.data import load_images, load_items
from monai_genaug.data.items import Item
from monai_genaug.pages import Figure, fullest_plane, make_figure
from monai_genaug.pictures import error_pixels, image_pixels, label_pixels
from monai_genaug.training.segmenter import Segmenter

CASES = 2  # test images with the largest gain, and as many with the largest loss
SHOWN = 2  # training images of which a generator's samples are shown
LONGEST = 192  # side of a picture, pixels: a page holds many


class Pictures(NamedTuple):
    """Rows of pictures under a title; the note says what they are, or why there are none."""

    title: str
    rows: list[tuple[str, list[Figure]]]
    note: str


def label_charts(gains: Sequence[Gain], images: Mapping[str, int]) -> list[tuple[str, list[IntervalChart]]]:
    """Chart Dice, and the gain over `classic`, over the number of labelled images, where there are any.

    Args:
        gains: of `measure_gains`.
        images: number of test images by data set.

    Returns:
        For each data set and segmenter its title and charts.
    """
    found = []
    charted = [gain for gain in gains if gain.setup[1] > 0]  # the axis is logarithmic
    for dataset, segmenter in dict.fromkeys((gain.setup[0], gain.setup[2]) for gain in charted):
        part = [gain for gain in charted if (gain.setup[0], gain.setup[2]) == (dataset, segmenter)]
        sample = counted(images[dataset], "test image")
        scores: dict[str, list[Measured]] = {BASELINE: []}
        differences: dict[str, list[Measured]] = {}
        for gain in part:
            scores.setdefault(name_recipe(gain.recipe), []).append(_score_point(gain, sample))
            if gain.over_baseline is not None:
                differences.setdefault(name_recipe(gain.recipe), []).append(_gain_point(gain, sample))
        charts = [interval_chart("Mean Dice", {name: part for name, part in scores.items() if part}, curve=BASELINE)]
        if differences:
            charts.append(interval_chart("Gain in Dice over classic", differences, zero=True))
        found.append((f"{dataset}, {segmenter}: {sample}", charts))
    return found


def _score_point(gain: Gain, sample: str) -> Measured:
    """Place mean Dice, with the interval of the difference to `classic` around it."""
    mean, labelled = gain.means["dice"], gain.setup[1]
    found = None if gain.over_baseline is None else gain.over_baseline["dice"]
    interval = None if found is None else found.interval
    text = f"{name_recipe(gain.recipe)}: {mean:.3f} with {labelled} labelled images ({counted(len(gain.seeds), 'seed')}"
    low, high = (None, None) if interval is None else (mean + end - interval.mean for end in interval[1:3])
    return Measured(labelled, mean, low, high, f"{text}, {sample})")


def _gain_point(gain: Gain, sample: str) -> Measured:
    """Place the difference to `classic` with its interval."""
    assert gain.over_baseline is not None
    found = gain.over_baseline["dice"]
    low, high = (None, None) if found.interval is None else found.interval[1:3]
    seeds = counted(found.seeds, "seed")
    text = f"{name_recipe(gain.recipe)}: {show_difference(found)} with {gain.setup[1]} labelled images"
    return Measured(gain.setup[1], found.mean, low, high, f"{text}; {seeds}, {sample}")


def scatter_charts(recipes: Mapping[Recipe, Runs], own: Recipe) -> list[ScatterChart]:
    """Chart the Dice of each recipe over that of the baseline, a point for each test image.

    Args:
        recipes: runs of one setup.
        own: the setup's baseline.

    Returns:
        One for each recipe that shares a seed with the baseline, on equal axes; Dice is the mean over these seeds.
    """
    base, pairs = recipes.get(own, {}), {}
    for recipe, runs in recipes.items():
        seeds = sorted(runs.keys() & base.keys())
        if recipe == own or not seeds:
            continue
        across, up = (np.mean([part[seed].scores["dice"] for seed in seeds], axis=0) for part in (base, runs))
        points = [
            Measured(float(x), float(y), text=f"{name}: {x:.3f} with {own[0]}, {y:.3f} with {name_recipe(recipe)}")
            for name, x, y in zip(runs[seeds[0]].names, across, up, strict=True)
        ]
        title = f"{name_recipe(recipe)} ({counted(len(points), 'test image')}, {counted(len(seeds), 'seed')})"
        pairs[title] = points
    ends = [end for points in pairs.values() for point in points for end in (point.x, point.y)]
    return [scatter_chart(title, points, bounds=(min(ends), max(ends))) for title, points in pairs.items()]


def case_pictures(best: Gain | None, recipes: Mapping[Recipe, Runs], kitchens: Kitchens) -> Pictures:
    """Show the test images on which the best recipe gains and loses most, with the errors of both segmenters.

    Args:
        best: of `best_gain`.
        recipes: runs of its setup.
        kitchens: finds the block of a cell.

    Returns:
        Rows of image, truth, errors with `classic` and with the recipe, of the first seed whose segmenters are there.
    """
    title = "Largest gains and losses"
    if best is None:
        return Pictures(title, [], "There is no recipe to compare with the baseline yet.")
    own = baseline_of(best.setup)
    name, base, runs = name_recipe(best.recipe), recipes[own], recipes[best.recipe]
    for seed in sorted(runs.keys() & base.keys()):
        pair = {own[0]: base[seed], name: runs[seed]}
        try:
            segmenters = {arm: find_segmenter(kitchens(run.cell), run.cell) for arm, run in pair.items()}
            items = kitchens(runs[seed].cell).block.dataset.test
        except (ValueError, OSError) as error:
            return Pictures(title, [], f"The pictures are left out: {error}")
        if None in segmenters.values() or [item["name"] for item in items] != list(base[seed].names):
            continue
        change = np.subtract(runs[seed].scores["dice"], base[seed].scores["dice"])
        rows = [
            (f"{items[index]['name']}: {change[index]:+.3f} Dice", _case_figures(items[index], index, pair, segmenters))
            for index in _choose_cases(change)
        ]
        counts = f"{(change > 0).sum()} gain, {(change < 0).sum()} lose"
        return Pictures(
            title, rows, f"Of seed {seed} alone: {own[0]} and {name}. Of {counted(len(change), 'test image')} {counts}."
        )
    gone = f"the trained segmenters of {own[0]} and {name} are not in the output folder"
    return Pictures(title, [], f"Left out: {gone}, or the test images are listed in another order since.")


def _case_figures(
    item: Item, index: int, pair: Mapping[str, CellResult], segmenters: Mapping[str, Segmenter | None]
) -> list[Figure]:
    """Show a test image, its truth, and the errors of both segmenters; of a volume, its fullest slice."""
    image, label, name = item["image"], item["label"], item["name"]
    plane, truth = (fullest_plane(part, label) for part in (image, label))
    figures = [
        make_figure(image_pixels(plane), "test image", f"test image {name}", longest=LONGEST),
        make_figure(label_pixels(truth), "truth", f"true mask of {name}", longest=LONGEST),
    ]
    for arm, segmenter in segmenters.items():
        assert segmenter is not None
        pixels = error_pixels(plane, fullest_plane(segmenter.predict(image), label), truth)
        alt = f"errors on {name} of the segmenter trained with {arm}: found, missed and wrongly found"
        caption = f"{arm}: Dice {pair[arm].scores['dice'][index]:.3f}"
        figures.append(make_figure(pixels, caption, alt, longest=LONGEST))
    return figures


def _choose_cases(change: np.ndarray) -> list[int]:
    """Choose the images that gain most, then those that lose most; one that does neither is not shown."""
    order = np.argsort(-change, kind="stable").tolist()
    up = [index for index in order if change[index] > 0][:CASES]
    down = [index for index in reversed(order) if change[index] < 0][:CASES]
    return up + down


def sample_pictures(results: Iterable[CellResult], kitchens: Kitchens) -> list[Pictures]:
    """Show what each generator makes of labelled training images, once for each data set.

    Args:
        results: of all cells that are there.
        kitchens: finds the block of a cell.

    Returns:
        For each generator and data set, that of the fewest labelled images and the first seed that is there.
    """
    runs = [
        run
        for _, recipes in sorted(arrange_runs(results).items())
        for by_seed in recipes.values()
        for run in by_seed.values()
    ]
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for run in runs:
        if run.cell.generator is not None:
            groups.setdefault((run.cell.dataset, run.cell.generator), []).append(run)
    return [
        _sample(f"{dataset}, {generator}", sorted(part, key=lambda run: (len(run.labelled), run.cell.seed)), kitchens)
        for (dataset, generator), part in groups.items()
    ]


def _sample(title: str, runs: Sequence[CellResult], kitchens: Kitchens) -> Pictures:
    """Show the samples of the first run whose generator is there."""
    for run in runs:
        kitchen = kitchens(run.cell)
        try:
            rows = _rows(kitchen, run.cell)
        except (ValueError, OSError) as error:
            return Pictures(title, [], f"The pictures are left out: {error}")
        if rows is not None:
            return Pictures(title, [("", row) for row in rows], _say_shown(run, kitchen, len(rows)))
    return Pictures(title, [], "Left out: the trained generator is not in the output folder.")


def _rows(kitchen: Kitchen, cell: Cell) -> list[list[Figure]] | None:
    """Make the pictures of a cell's generator; None if it is gone."""
    generator = find_generator(kitchen, cell)
    if generator is None:
        return None
    if kitchen.block.source is not None:
        return _pair_rows(kitchen, cell)
    assert cell.generator is not None
    config = {"sampler": kitchen.block.sampler(kitchen.plan.generators[cell.generator])}
    sampler = ConfigParser(config).get_parsed_content("sampler")
    items = kitchen.block.items[:SHOWN]
    return synthetic_rows(items, generator, seed=cell.seed, looks=1, mask_sampler=sampler, longest=LONGEST)


def _pair_rows(kitchen: Kitchen, cell: Cell) -> list[list[Figure]]:
    """Show images without labels, and pairs that a segmenter was trained on instead."""
    pairs = iter(load_items(find_pairs(kitchen, cell)[: 2 * SHOWN]))
    rows = []
    for item in load_images(kitchen.block.unlabelled[:SHOWN]):
        real = fullest_plane(item["image"], torch.zeros_like(item["image"][:1]))
        row = [make_figure(image_pixels(real), "real, without label", "a training image", longest=LONGEST)]
        for pair in islice(pairs, 2):
            plane, mask = (fullest_plane(pair[key], pair["label"]) for key in ("image", "label"))
            row.append(make_figure(label_pixels(mask), "new mask", "new mask of the source's labels", longest=LONGEST))
            alt = "synthetic image of this mask"
            row.append(make_figure(image_pixels(plane), "synthetic, new mask", alt, longest=LONGEST))
        rows.append(row)
    return rows


def _say_shown(run: CellResult, kitchen: Kitchen, rows: int) -> str:
    """Say what a generator was trained on."""
    source, seed = kitchen.block.source, f"seed {run.cell.seed}"
    if source is not None:
        return f"Trained with images without labels and with masks of {source.name}, {seed}."
    labelled = counted(len(run.labelled), "labelled image")
    return f"Trained with {labelled}, {seed}; {rows} of these images are shown."
