"""What `synthesize` leaves out, and the size of its masks, as options say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monai_genaug.quality import AllGates

STRIDE = 64  # sizes that any segmenter of up to seven levels takes


def parse_size(text: str | None) -> tuple[int, ...] | None:
    """Read ``Y,X`` or three sizes.

    Raises:
        ValueError: for anything else.

    Example:
        >>> parse_size("256,192")
        (256, 192)
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (2, 3) or not all(part.isdecimal() for part in parts):
        raise ValueError(f"--size is {text!r}, expected two or three whole numbers: write --size 256,256.")
    return tuple(map(int, parts))


def check_gates(
    segmenter: Path | None, least_dice: float | None, real: Path | None, least_distance: float | None
) -> None:
    """Refuse a threshold without what it is for.

    Raises:
        ValueError: naming both.

    Example:
        >>> check_gates(None, 0.8, None, None)
        Traceback (most recent call last):
            ...
        ValueError: --least-dice is 0.8, but there is no --segmenter: name the folder of a trained one.
    """
    if least_dice is not None and segmenter is None:
        raise ValueError(
            f"--least-dice is {least_dice}, but there is no --segmenter: name the folder of a trained one."
        )
    if least_distance is not None and real is None:
        raise ValueError(f"--least-distance is {least_distance}, but there is no --real: name the training data set.")


def build_gate(
    segmenter: Path | None,
    least_dice: float | None,
    real: Path | None,
    least_distance: float | None,
    *,
    device: str,
) -> AllGates | None:
    """Make the gates that options ask for.

    Args:
        segmenter: folder of a trained nuclei_unet; None for no `MaskFaithfulness`.
        least_dice: of it; None for its default.
        real: data set of the generator; None for no `NearestNeighbourPrivacy`.
        least_distance: of it; None for what its validation images say.
        device: where the segmenter runs.

    Returns:
        The gates, the cheaper one first; None without any.

    Raises:
        FileNotFoundError: if a folder is missing.
        ValueError: if one cannot be used.
    """
    from monai_genaug.data import load_datalist, load_items
    from monai_genaug.quality import AllGates, Gate, MaskFaithfulness, NearestNeighbourPrivacy
    from monai_genaug.training.segmenter import load_segmenter

    gates: list[Gate] = []
    if segmenter is not None:
        network = load_segmenter(segmenter, device).network
        gates.append(
            MaskFaithfulness(network, stride=STRIDE, **({} if least_dice is None else {"least_dice": least_dice}))
        )
    if real is not None:
        splits = load_datalist(real, name="--real")
        training = [item["image"] for item in load_items(splits["training"])]
        if least_distance is not None:
            gates.append(NearestNeighbourPrivacy(training, least_distance=least_distance))
        elif splits["validation"]:
            held_out = [(item["image"], item["label"]) for item in load_items(splits["validation"])]
            gates.append(NearestNeighbourPrivacy.fit(training, held_out))
        else:
            raise ValueError(f"--real {real} has no validation images to tell a least distance: give --least-distance.")
    return AllGates(gates) if gates else None
