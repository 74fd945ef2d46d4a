"""What an evaluation found, as tables and sentences for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_genaug.evaluation.agreement import SCORES
from monai_genaug.evaluation.copies import Neighbour, distances
from monai_genaug.evaluation.distribution import Comparison
from monai_genaug.evaluation.pairs import MEASURES
from monai_genaug.evaluation.result import EvaluationResult
from monai_genaug.evaluation.summary import Mean
from monai_genaug.tables import Table

ARROWS = {"lower": "\N{DOWNWARDS ARROW}", "higher": "\N{UPWARDS ARROW}", "0.5": "\N{RIGHTWARDS ARROW} 0.5"}
NONE = "\N{EN DASH}"


def list_tables(result: EvaluationResult) -> list[Table]:
    """Give a table for each part that was not left out.

    Args:
        result: of `evaluate_images`.

    Returns:
        The tables, the most telling first.
    """
    tables = [_table_of_sets(result), _table_of_copies(result), _table_of_masks(result), _table_of_pairs(result)]
    return [table for table in (*tables, _table_of_classes(result)) if table is not None]


def summarise(result: EvaluationResult) -> list[str]:
    """Say in a few sentences what was found.

    Args:
        result: of `evaluate_images`.

    Returns:
        Sentences, each with the numbers of images that it rests on.
    """
    found = [f"{_describe_images(result, 'real')}, {_describe_images(result, 'synthetic')}."]
    found += _compare_with_floor(result)
    if (copies := result.copies) is not None:
        made, unseen = len(distances(copies.synthetic)), len(distances(copies.baseline))
        others = "held-out real images" if copies.held_out else "real images to the other ones"
        found.append(
            f"{len(copies.flagged)} of {made} synthetic images come nearer to a real image than {copies.rule} of "
            f"{unseen} {others} ({_number(copies.threshold)}); by chance about {copies.by_chance:.1f} would. "
            f"{_own_masks(result)}A synthetic image is the nearer one in {copies.nearer:.0%} of the pairs with one of "
            "these; 50 % is even. Copies that are scaled, bent or turned by other than quarter turns are not found."
        )
        if copies.same:
            found.append(
                f"{copies.same} of {len(copies.baseline)} {others} are almost the same as another one, which hides "
                "copies from the threshold: "
                + ("give held-out images that are new." if copies.held_out else "give groups, or held-out images.")
            )
    if (agreement := result.agreement) is not None:
        dice = agreement.synthetic["dice"]
        real = "" if agreement.real is None else f"; on {agreement.real['dice'].n} real images with their labels "
        real += "" if agreement.real is None else _number(agreement.real["dice"].mean)
        found.append(
            f"Masks found by {agreement.method}: mean Dice {_number(dice.mean)} on {dice.n} synthetic images{real}."
        )
    return found


def _own_masks(result: EvaluationResult) -> str:
    """Say how many of the flagged images are nearest to the real image of their mask, if it is known of any."""
    if result.copies is None or not result.copies.flagged or not result.pairs_of:
        return ""
    flagged = [neighbour for neighbour in result.copies.synthetic if neighbour.image in result.copies.flagged]
    own = sum(result.pairs_of.get(neighbour.image) == neighbour.nearest for neighbour in flagged)
    return f"{own} of them are nearest to the real image of their own mask, with which they share outlines. "


def _compare_with_floor(result: EvaluationResult) -> list[str]:
    """Say by which measures synthetic images are farther from real ones than real ones are from each other."""
    shown = [comparison for comparison in result.distribution if comparison.floor is not None]
    if not shown:
        return []
    kid, size, draws = shown[0], shown[0].equal_size, result.settings["draws"]
    worse = [comparison.name for comparison in shown if comparison.exceeds_floor]
    others = [comparison.name for comparison in shown if not comparison.exceeds_floor]
    sentence = f"{kid.name} of {size} real and {size} synthetic images: {_number(kid.equal)}; of {size} and {size} "
    sentence += f"real images: {_floor(kid)}."
    draw = f"of {draws} draws of {size} and {size} real images"
    if not worse:
        return [sentence, f"Not worse than the worst {draw}: {', '.join(others)}."]
    told = f"Worse than in any {draw}: {', '.join(worse)}."
    return [sentence, f"{told} Not worse: {', '.join(others)}." if others else told]


def list_left_out(result: EvaluationResult) -> list[str]:
    """Say what is left out, and why.

    Example:
        >>> from types import SimpleNamespace
        >>> list_left_out(SimpleNamespace(left_out={"masks": "there are none"}))
        ['masks: there are none.']
    """
    return [f"{name}: {reason}." for name, reason in result.left_out.items()]


def _describe_images(result: EvaluationResult, name: str) -> str:
    """Say how many images there are, and of what size."""
    return f"{result.counts[name]} {name} images of {result.counts['sizes'][name]}"


def _table_of_sets(result: EvaluationResult) -> Table:
    """Tabulate what compares two sets."""
    comparisons = [*result.distribution, *result.intensities]
    size = max((comparison.equal_size for comparison in comparisons), default=0)
    return Table(
        "Distribution and intensities",
        [
            "measure",
            f"{result.counts['real']} real, {result.counts['synthetic']} synthetic",
            "95 % interval",
            f"{size} real, {size} synthetic",
            f"{size} real, {size} other real",
        ],
        [
            [
                f"{comparison.name} {ARROWS[comparison.better]}",
                _number(comparison.value),
                NONE if comparison.interval is None else _span(comparison.interval),
                _number(comparison.equal),
                _floor(comparison),
            ]
            for comparison in comparisons
        ],
        _note_on_sets(result),
    )


def _note_on_sets(result: EvaluationResult) -> str:
    """Say what the table of sets rests on."""
    settings, sizes = result.settings, result.counts["sizes"]
    extractor = {
        "random": "a fixed network with random weights (RandomFeatures): compare only figures of this network",
        "inception": "Inception V3 trained on ImageNet, to whose size each image is resampled",
    }.get(settings["features"], f"{settings['features']}, which sees each image at its own size")
    lines = [
        f"{ARROWS['lower']} less is better, {ARROWS['higher']} more is, {ARROWS['0.5']} is best. The last three rows "
        "are of the histograms of all voxels.",
        f"Features: {extractor}.",
        f"Intervals: {settings['repeats']} subsamples. The last two columns compare equal numbers: means (and range) "
        f"over {settings['draws']} draws of features, over one of intensities; what real images differ by is the floor "
        "for synthetic ones.",
        "FID hangs on the number of images, as precision, recall, density and coverage do: compare it in the last two "
        "columns alone.",
        "8-bit colour keeps its range; of anything else each channel of each image is stretched over [0, 1] by its "
        "percentiles 0.1 and 99.9 when it is read from a file, so that brightness and contrast are not compared there.",
    ]
    if settings["crop"]:
        lines.insert(2, f"Images were first cropped, at random, to {settings['crop']} voxels a side at most.")
    elif sizes["real"] != sizes["synthetic"] and settings["features"] != "inception":
        lines.insert(
            2,
            f"Sizes differ ({sizes['real']}, {sizes['synthetic']}); nothing is resampled, features are means and "
            "spreads over all of an image, and those of smaller images scatter more: --crop takes this away.",
        )
    return " ".join(lines)


def _table_of_copies(result: EvaluationResult) -> Table | None:
    """Tabulate distances to the nearest real image."""
    copies = result.copies
    if copies is None:
        return None
    others = "held-out images" if copies.held_out else "real images, to the others"
    return Table(
        "Memorisation: distance to the nearest real image",
        ["", "images", "smallest", "5 % quantile", "median", "flagged as copies"],
        [
            ["synthetic images", *_quantiles(copies.synthetic), str(len(copies.flagged))],
            [others, *_quantiles(copies.baseline), NONE],
        ],
        f"Compared with all {result.counts['real']} real images, in all orientations: of each image the patch with "
        f"most detail, {copies.side} voxels wide at half the resolution, within a crop of the least size of any. "
        f"0 is a copy, 1 is unlike. Flagged: below {_number(copies.threshold)}, {copies.rule} of the {others}. Smooth "
        "images are nearer to anything without being copies: look at the pairs.",
    )


def _quantiles(neighbours: Sequence[Neighbour]) -> list[str]:
    """Give the number of images that were compared, and quantiles of their distances."""
    found = distances(neighbours)
    flat = len(neighbours) - len(found)
    count = f"{len(found)} ({flat} too flat)" if flat else str(len(found))
    return [count, *(_number(float(np.quantile(found, share))) for share in (0.0, 0.05, 0.5))]


def _table_of_masks(result: EvaluationResult) -> Table | None:
    """Tabulate how well masks are found again."""
    agreement = result.agreement
    if agreement is None:
        return None
    parts = {"synthetic images, their masks": agreement.synthetic, "real images, their labels": agreement.real}
    return Table(
        "Masks found again",
        ["", "images", *SCORES.values()],
        [
            [name, str(means["dice"].n), *(_spread(means[key]) for key in SCORES)]
            for name, means in parts.items()
            if means is not None
        ],
        f"Mean ± standard deviation over images. Images were segmented by {agreement.method}. Real images show what "
        "this method reaches, on the images that a network may have been trained on; a synthetic image can be easier.",
    )


def _table_of_pairs(result: EvaluationResult) -> Table | None:
    """Tabulate paired measures and diversity."""
    rows = []
    notes = []
    if (pairs := result.pairs) is not None:
        rows = [
            [f"{name} {ARROWS[better]}", _spread(pairs.means[key]), f"{pairs.means[key].n} pairs"]
            for key, (name, better) in MEASURES.items()
            if pairs.means[key].n or pairs.means[key].infinite
        ]
        undefined = [name for key, (name, _) in MEASURES.items() if not pairs.means[key].n + pairs.means[key].infinite]
        notes += [f"Not defined for images of this size or kind: {', '.join(undefined)}."] if undefined else []
        notes.append(
            f"{pairs.n} synthetic images have the name and size of a real one and are taken as made from its mask. "
            "Paired measures punish variety: do not rank generators by them."
        )
        notes += [f"{pairs.unequal} more have another size than their real image."] if pairs.unequal else []
        same = max(mean.infinite for mean in pairs.means.values())
        notes += [f"{same} are equal to their real image, whose infinite PSNR is left out."] if same else []
    if (diversity := result.diversity) is not None:
        rows.append([f"sample diversity {ARROWS['higher']}", _spread(diversity), f"{diversity.n} masks"])
        notes.append("Diversity: 1 - MS-SSIM of images of one mask.")
    if not rows:
        return None
    return Table("Images of one mask", ["measure", "mean ± std", "over"], rows, " ".join(notes))


def _table_of_classes(result: EvaluationResult) -> Table | None:
    """Tabulate what a classifier says."""
    scores = result.classes
    if scores is None:
        return None
    rows = [
        ["inception score", _number(scores.inception), _number(scores.inception_real)],
        ["mode score", _number(scores.mode), NONE],
    ]
    columns = ["", f"{scores.sizes[1]} synthetic", f"{scores.sizes[0]} real"]
    return Table("Classifier", columns, rows, f"From 1 (mode score: 0) to {scores.classes}, the number of classes.")


def _number(value: float | None) -> str:
    """Write a number with three digits that count."""
    return NONE if value is None else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def _span(pair: tuple[float, float]) -> str:
    return f"{_number(pair[0])} to {_number(pair[1])}"


def _floor(comparison: Comparison) -> str:
    """Write what real images differ by, with its range if it has one."""
    span = comparison.floor_range
    shown = span is not None and span[0] < span[1]
    return f"{_number(comparison.floor)} ({_span(span)})" if shown and span else _number(comparison.floor)


def _spread(mean: Mean) -> str:
    return _number(mean.mean) if mean.std is None else f"{_number(mean.mean)} ± {_number(mean.std)}"
