"""What a setup's gains show, in a sentence that says no more than its intervals do."""

from __future__ import annotations

from collections.abc import Sequence

from monai_genaug.benchmark.grid.gains import MIN_SEEDS, Difference, Gain, baseline_of, name_recipe
from monai_genaug.benchmark.grid.plan import ARMS, BASELINE
from monai_genaug.benchmark.stats import PairedInterval


def best_gain(gains: Sequence[Gain]) -> Gain | None:
    """Pick the recipe with synthetic images that has the most mean Dice over the baseline.

    Those with an interval come before those with too few seeds for one.

    Args:
        gains: of one setup.

    Returns:
        The gain; None if no recipe with synthetic images shares a seed with the baseline.
    """
    judged = judged_gains(gains)
    return max(judged, key=lambda gain: _dice(gain).mean) if judged else None


def judged_gains(gains: Sequence[Gain]) -> list[Gain]:
    """Give the recipes that the best is picked from: with synthetic images, if gates let any through."""
    compared = [
        gain for gain in gains if ARMS[gain.recipe[0]].synthetic and gain.over_baseline is not None and gain.given != 0
    ]
    return [gain for gain in compared if _dice(gain).interval is not None] or compared


def verdict(gains: Sequence[Gain], images: int) -> str:
    """Say what is shown of the best recipe of a setup, over the baseline and copy-paste, and how far it is from more
    labels.

    Args:
        gains: of one setup.
        images: number of test images.

    Example:
        >>> verdict([], 20)
        'No recipe with synthetic images has been scored yet.'
    """
    synthetic = [gain for gain in gains if ARMS[gain.recipe[0]].synthetic]
    best = best_gain(gains)
    if not synthetic:
        return "No recipe with synthetic images has been scored yet."
    if best is None:
        baseline = baseline_of(gains[0].setup)[0]
        return f"No gain can be told: {baseline} has not been scored yet with a seed of the other recipes."
    count = len(judged_gains(gains))
    which = f"{f'the best of {count} recipes' if count > 1 else 'the only recipe'}, “{name_recipe(best.recipe)}”,"
    found, base = _dice(best), baseline_of(best.setup)[0]
    sample = _sample(found, images)
    if found.interval is None:
        sentence = (
            f"Smoke test, not evidence: {which} differs by {found.mean:+.3f} Dice from {base} ({sample}); below "
            f"{MIN_SEEDS} seeds no interval is given"
        )
    else:
        sentence = _over_baseline(which, base, found.interval, sample)
    parts = [sentence, *([_over_control(best, images)] if best.setup[1] else []), *_of_headroom(best)]
    if best.given is not None and best.given < 0.95:
        parts.append(f"gates let a pair through for {100 * best.given:.0f} % of those that were wanted")
    return "; ".join(parts) + "."


def _of_headroom(best: Gain) -> list[str]:
    """Set the mean Dice beside that of classic with the most labels, if these are more."""
    if best.headroom is None or best.headroom[0] <= best.setup[1]:
        return []
    labels, dice, seeds = best.headroom
    share = f"{100 * best.means['dice'] / dice:.0f} % of" if dice > 0 else "beside"
    told = f"its Dice is {best.means['dice']:.3f}, {share} the {dice:.3f} of {BASELINE} with {labels} labelled images"
    return [told if seeds == len(best.seeds) else f"{told} ({counted(seeds, 'seed')})"]


def _over_baseline(which: str, base: str, interval: PairedInterval, sample: str) -> str:
    told = f"95 % interval {interval.low:+.3f} to {interval.high:+.3f}; {sample}"
    which_first = which[0].upper() + which[1:]
    if interval.low > 0:
        return f"{which_first} scored higher than {base} on these test images, by {interval.mean:.3f} Dice ({told})"
    if interval.high < 0:
        return f"{which_first} scored lower than {base} on these test images, by {-interval.mean:.3f} Dice ({told})"
    return (
        f"No gain over {base} is shown: for {which} the interval of the Dice difference contains 0 "
        f"({interval.mean:+.3f}, {told})"
    )


def _over_control(best: Gain, images: int) -> str:
    if best.over_control is None:
        return "copy-paste of the same share was not scored with the same seeds, so nothing is shown beyond it"
    found = best.over_control["dice"]
    sample = _sample(found, images)
    if found.interval is None:
        return f"it differs by {found.mean:+.3f} Dice from copy-paste ({sample}), which is no evidence either way"
    interval = found.interval
    told = f"95 % interval {interval.low:+.3f} to {interval.high:+.3f}; {sample}"
    if interval.low > 0:
        return f"it scored higher than copy-paste, by {interval.mean:.3f} Dice ({told})"
    if interval.high < 0:
        return f"it scored lower than copy-paste, by {-interval.mean:.3f} Dice ({told})"
    return f"no gain over copy-paste is shown, whose interval contains 0 ({interval.mean:+.3f}, {told})"


def _dice(gain: Gain) -> Difference:
    assert gain.over_baseline is not None
    return gain.over_baseline["dice"]


def _sample(found: Difference, images: int) -> str:
    return f"{counted(found.seeds, 'seed')}, {counted(images, 'test image')}"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun.

    Example:
        >>> counted(1, "seed"), counted(2, "seed")
        ('1 seed', '2 seeds')
    """
    return f"{number} {noun}{'s' * (number != 1)}"
