"""What an evaluation found, as a file holds it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monai_genaug.evaluation.agreement import Agreement
from monai_genaug.evaluation.classes import ClassScores
from monai_genaug.evaluation.copies import Copies, Neighbour
from monai_genaug.evaluation.distribution import Comparison
from monai_genaug.evaluation.pairs import Pairs
from monai_genaug.evaluation.summary import Mean


@dataclass(frozen=True)
class EvaluationResult:
    """What `evaluate_images` found.

    Attributes:
        settings: with which it was called.
        counts: numbers of images, and their sizes.
        names: of the synthetic, the real and the held-out images.
        distribution: measures of features.
        intensities: measures of histograms.
        copies: nearness to real images; None where it is left out, as all that follow.
        agreement: masks that were found again.
        pairs: measures against the real image of the same mask.
        diversity: of images of one mask.
        classes: what a classifier says.
        pairs_of: number of the real image of the same mask, by the number of the synthetic one.
        left_out: why each part, or measure, is left out.
        machine: versions and device.
    """

    settings: dict[str, Any]
    counts: dict[str, Any]
    names: dict[str, list[str]]
    distribution: list[Comparison]
    intensities: list[Comparison]
    copies: Copies | None = None
    agreement: Agreement | None = None
    pairs: Pairs | None = None
    diversity: Mean | None = None
    classes: ClassScores | None = None
    pairs_of: dict[int, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it; what is not a number is None."""
        parts = {
            "settings": self.settings,
            "counts": self.counts,
            "distribution": [comparison._asdict() for comparison in self.distribution],
            "intensities": [comparison._asdict() for comparison in self.intensities],
            "memorisation": None if self.copies is None else self._describe_copies(self.copies),
            "masks": None if self.agreement is None else _plain(self.agreement._asdict()),
            "pairs": None if self.pairs is None else _plain(self.pairs._asdict()),
            "diversity": None if self.diversity is None else self.diversity._asdict(),
            "classifier": None if self.classes is None else self.classes._asdict(),
            "left_out": self.left_out,
            "machine": self.machine,
        }
        return {name: _plain(part) for name, part in parts.items()}

    def baseline_name(self, number: int) -> str:
        """Name an image of the baseline of `copies`."""
        return self.names["held_out" if self.copies is not None and self.copies.held_out else "real"][number]

    def _describe_copies(self, copies: Copies) -> dict[str, Any]:
        """Name images instead of numbering them."""

        def describe(neighbour: Neighbour, name: str) -> dict[str, Any]:
            nearest = None if neighbour.nearest < 0 else self.names["real"][neighbour.nearest]
            return {"name": name, "nearest": nearest, "distance": neighbour.distance}

        return {
            "baseline": "held-out real images" if copies.held_out else "real images, each against the others",
            "patch_side": copies.side,
            "threshold": copies.threshold,
            "threshold_is": copies.rule,
            "flagged": [self.names["synthetic"][number] for number in copies.flagged],
            "nearer": copies.nearer,
            "almost_the_same_in_baseline": copies.same,
            "synthetic": [describe(one, self.names["synthetic"][one.image]) for one in copies.synthetic],
            "real": [describe(one, self.baseline_name(one.image)) for one in copies.baseline],
        }


def _plain(value: Any) -> Any:
    """Turn named tuples into dictionaries, and NaN and infinity into None."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
