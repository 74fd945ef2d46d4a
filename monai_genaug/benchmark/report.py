"""The demo's report: one page that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from monai.transforms import Randomizable
from torch import Tensor, nn

from monai_genaug._rng import derive_seed
from monai_genaug.benchmark.charts import Chart, line_chart
from monai_genaug.benchmark.segmentation import Segmenter
from monai_genaug.benchmark.stats import PairedInterval, paired_interval
from monai_genaug.data.items import Item
from monai_genaug.generators import ConditionalGenerator
from monai_genaug.masks import LabelDeformation
from monai_genaug.pages import Figure, fullest_plane, make_figure, write_page
from monai_genaug.pictures import Pixels, error_pixels, image_pixels, label_pixels
from monai_genaug.synthesis import synthesize
from monai_genaug.training.progress import Course

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = Path(__file__).with_name("report.html.j2")
SCORES = ("dice", "jaccard")


class Score(NamedTuple):
    """Means of both arms and their paired difference, of one kind of score."""

    name: str
    without: float
    with_synthetic: float
    difference: PairedInterval


def synthetic_rows(
    items: Sequence[Item],
    generator: ConditionalGenerator,
    *,
    seed: int,
    looks: int = 2,
    mask_sampler: Randomizable | None = None,
    longest: int = 256,
) -> list[list[Figure]]:
    """Show what augmentation makes of a few labelled images, or of the fullest slices of volumes.

    Args:
        items: of `load_items`, the generator's training images.
        generator: makes the images; one that edits images gets the real ones.
        seed: of what is made.
        looks: images made from the mask as it is, each with its own seed.
        mask_sampler: makes the new masks; by default `LabelDeformation`.
        longest: longest side of a picture, pixels.

    Returns:
        For each item: mask, real image, synthetic images of this mask, a new mask, the synthetic image of it.
    """
    rows = []
    for number, item in enumerate(items):
        image, label, where = item["image"], item["label"], f"training image {number + 1}"
        seeds = [derive_seed(seed, "report", number, look) for look in range(looks)]
        real = image.expand(looks, *image.shape)
        same = synthesize(generator, label.expand(looks, *label.shape), seeds, images=real).images
        sampler = mask_sampler or LabelDeformation()
        new = synthesize(generator, label[None], seeds[:1], images=image[None], mask_sampler=sampler)
        new_label, new_image = new.labels[0], new.images[0]
        captions = [f"synthetic, seed {look}" if looks > 1 else "synthetic" for look in range(1, looks + 1)]
        shown = [
            (label, label, "mask", f"instance mask of {where}, each object in its own colour"),
            (image, label, "real", f"{where}, real"),
            *(
                (made, label, caption, f"synthetic image from the mask of {where}")
                for made, caption in zip(same, captions, strict=True)
            ),
            (new_label, new_label, "new mask", f"new mask, made of that of {where} at random"),
            (new_image, new_label, "synthetic, new mask", f"synthetic image from the new mask of {where}"),
        ]
        rows.append(
            [make_figure(_pixels(part, mask), caption, alt, longest=longest) for part, mask, caption, alt in shown]
        )
    return rows


def _pixels(image: Tensor, label: Tensor) -> Pixels:
    """Turn an image or a label into pixels, of volumes the slice that is fullest in the label."""
    plane = fullest_plane(image, label)
    return image_pixels(plane) if plane.is_floating_point() else label_pixels(plane)


def prediction_rows(
    items: Sequence[Item], segmenters: Mapping[str, Segmenter], scores: pd.DataFrame
) -> list[tuple[str, list[Figure]]]:
    """Show the predictions of all arms on the worst, the median and the best test image by mean Dice of the arms.

    Args:
        items: the test images.
        segmenters: by the name of their arm.
        scores: of `evaluate_segmenter`, with a column arm.

    Returns:
        For each of the (at most) three: what it is, and image, mask and one picture for each arm.
    """
    order = scores.groupby("index")["dice"].mean().sort_values(kind="stable").index.tolist()
    chosen = {order[-1]: "best", order[len(order) // 2]: "median", order[0]: "worst"}  # the latter win in short lists
    dice = scores.set_index(["arm", "index"])["dice"]
    rows = []
    for index, rank in reversed(chosen.items()):
        item, title = items[index], f"{rank} of {len(items)}: {items[index]['name']}"
        figures = [
            make_figure(image_pixels(item["image"]), "test image", f"test image {item['name']}"),
            make_figure(label_pixels(item["label"]), "true mask", f"true mask of test image {item['name']}"),
        ]
        for arm, segmenter in segmenters.items():
            pixels = error_pixels(item["image"], segmenter.predict(item["image"]), item["label"])
            alt = f"prediction of the U-Net trained {arm} on {item['name']}: found, missed and wrongly found pixels"
            figures.append(make_figure(pixels, f"{arm}: Dice {dice[arm, index]:.3f}", alt))
        rows.append((title, figures))
    return rows


def compare_arms(scores: pd.DataFrame, *, seed: int) -> list[Score]:
    """Compare the two arms of one seed, image by image.

    Args:
        scores: of `evaluate_segmenter` for both arms, with a column arm; the arm that comes first is without.
        seed: of the bootstrap.

    Returns:
        Dice and Jaccard with the interval of their difference.

    Raises:
        ValueError: if there are not two arms, or too few test images for an interval.

    Example:
        >>> import pandas as pd
        >>> rows = [("without", 0, "a", 0.5), ("without", 1, "b", 0.6), ("with", 0, "a", 0.7), ("with", 1, "b", 0.8)]
        >>> scores = pd.DataFrame(rows, columns=["arm", "index", "group", "dice"]).assign(jaccard=0.5)
        >>> [(score.name, round(score.difference.mean, 3)) for score in compare_arms(scores, seed=0)]
        [('Dice', 0.2), ('Jaccard', 0.0)]
    """
    arms = [part.set_index("index") for _, part in scores.groupby("arm", sort=False)]
    if len(arms) != 2:
        raise ValueError(f"scores hold {len(arms)} arms, expected 2.")
    without, with_synthetic = arms
    groups = without["group"].tolist()
    return [
        Score(
            name.capitalize(),
            float(without[name].mean()),
            float(with_synthetic[name].mean()),
            paired_interval([(with_synthetic[name] - without[name]).tolist()], groups=groups, seed=seed),
        )
        for name in SCORES
    ]


def verdict(dice: PairedInterval) -> str:
    """Say in one sentence what the interval of the Dice difference shows.

    Example:
        >>> verdict(PairedInterval(0.01, -0.02, 0.04, 20, ""))
        'No gain is shown: the interval of the Dice difference contains 0.'
    """
    if dice.low > 0:
        return f"With synthetic pairs the U-Net scored higher on these test images, by {dice.mean:.3f} Dice."
    if dice.high < 0:
        return f"With synthetic pairs the U-Net scored lower on these test images, by {-dice.mean:.3f} Dice."
    return "No gain is shown: the interval of the Dice difference contains 0."


def training_row(course: Course, network: nn.Module) -> dict[str, str]:
    """Give a row of the table of trainings.

    Example:
        >>> from monai_genaug.training.progress import progress_bars
        >>> with progress_bars(show=False) as bars:
        ...     training_row(Course("U-Net", bars), nn.Linear(500, 3))
        {'network': 'U-Net', 'parameters': '1,503', 'iterations': '0', 'seconds': '0'}
    """
    return {
        "network": course.name,
        "parameters": f"{sum(parameter.numel() for parameter in network.parameters()):,}",
        "iterations": f"{course.iterations:,}",
        "seconds": f"{course.seconds:.0f}",
    }


def loss_charts(generator: Course, segmenters: Sequence[Course]) -> list[Chart]:
    """Chart the losses of a Pix2Pix training, and those of the U-Nets together.

    Args:
        generator: course of a Pix2Pix training.
        segmenters: courses of `train_segmenter`, of equal length.

    Returns:
        Three charts.
    """
    l1, of_generator, of_discriminator = (generator.losses[name] for name in ("g_l1", "g_adversarial", "d_adversarial"))
    return [
        line_chart("Pix2Pix: L1 distance to the real image, weighted", {"generator": l1}),
        line_chart("Pix2Pix: adversarial losses", {"generator": of_generator, "discriminator": of_discriminator}),
        line_chart("U-Nets: Dice and cross-entropy", {course.name: course.losses["loss"] for course in segmenters}),
    ]


def flatten_settings(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Name nested settings with dots, for a table.

    Example:
        >>> flatten_settings({"prob": 0.5, "generator": {"levels": 5}})
        {'prob': '0.5', 'generator.levels': '5'}
    """
    flat: dict[str, str] = {}
    for name, value in tree.items():
        flat |= flatten_settings(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: str(value)}
    return flat


def write_report(path: Path, **content: Any) -> Path:
    """Fill the template and write the page; text is escaped, and a name that is missing is an error.

    Args:
        path: the HTML file.
        content: what the template names.

    Returns:
        `path`.
    """
    return write_page(path, TEMPLATE, **content)
