"""What our random transforms share: a probability, and one seed for each sample."""

from __future__ import annotations

from typing import Any

from monai.transforms import RandomizableTransform

from monai_genaug._checks import check_probability
from monai_genaug._rng import draw_seed


class SeededTransform(RandomizableTransform):
    """Draws for each sample whether to apply, and a seed of which all that it does is a function.

    Args:
        prob: probability that it is applied to a sample.

    Raises:
        ValueError: if `prob` is no probability.

    Example:
        >>> class AddSeed(SeededTransform):
        ...     def __call__(self, number):
        ...         self.randomize()
        ...         return number + self.seed if self._do_transform else number
        >>> AddSeed(prob=0.0).set_random_state(seed=0)(3)
        3
    """

    def __init__(self, prob: float) -> None:
        super().__init__(check_probability("prob", prob))
        self.seed = -1

    def randomize(self, data: Any = None) -> None:
        """Draw whether to apply and a seed; the seed is drawn in either case, so that one does not move the other."""
        super().randomize(data)
        self.seed = draw_seed(self.R)
