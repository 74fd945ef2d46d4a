"""Sentences that say no more than the intervals do."""

from __future__ import annotations

import pytest

from monai_genaug.benchmark.grid.gains import Difference, Gain
from monai_genaug.benchmark.grid.scores import SCORES
from monai_genaug.benchmark.grid.verdicts import best_gain, verdict
from monai_genaug.benchmark.stats import PairedInterval

UP, DOWN, AROUND = (0.03, 0.01, 0.05), (-0.03, -0.05, -0.01), (0.01, -0.02, 0.04)


def difference(mean: float, low: float | None = None, high: float | None = None, seeds: int = 5) -> dict:
    interval = None if low is None else PairedInterval(mean, low, high, seeds, "")
    return dict.fromkeys(SCORES, Difference(mean, seeds, interval))


def gain(over: dict | None, control: dict | None = None, arm: str = "classic+genaug", name: str = "pix2pix") -> Gain:
    return Gain(
        ("a", 2, "unet"), (arm, name, 0.3), (0,), dict.fromkeys(SCORES, 0.5), over, control, None, None, seconds=0.0
    )


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            UP,
            "The only recipe, “classic+genaug, pix2pix, 0.3”, scored higher than classic on these test images, by 0.03",
        ),
        (
            DOWN,
            "The only recipe, “classic+genaug, pix2pix, 0.3”, scored lower than classic on these test images, by 0.030",
        ),
        (
            AROUND,
            "No gain over classic is shown: for the only recipe, “classic+genaug, pix2pix, 0.3”, the interval of the",
        ),
        ((0.03, 0.0, 0.06), "No gain over classic is shown"),
    ],
    ids=["higher", "lower", "contains 0", "touches 0"],
)
def test_the_verdict_follows_the_interval(found, sentence):
    told = verdict([gain(difference(*found))], 20)
    assert told.startswith(sentence)
    assert f"95 % interval {found[1]:+.3f} to {found[2]:+.3f}; 5 seeds, 20 test images)" in told


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            difference(*UP),
            "it scored higher than copy-paste, by 0.030 Dice (95 % interval +0.010 to +0.050; 5 seeds, 20",
        ),
        (
            difference(*DOWN),
            "it scored lower than copy-paste, by 0.030 Dice (95 % interval -0.050 to -0.010; 5 seeds, 20",
        ),
        (difference(*AROUND), "no gain over copy-paste is shown, whose interval contains 0 (+0.010, 95 % interval"),
        (
            difference(0.2, seeds=1),
            "it differs by +0.200 Dice from copy-paste (1 seed, 20 test images), which is no evid",
        ),
        (None, "copy-paste of the same share was not scored with the same seeds, so nothing is shown beyond it."),
    ],
    ids=["higher", "lower", "contains 0", "few seeds", "not there"],
)
def test_copy_paste_has_a_clause_of_its_own(found, sentence):
    assert f"; {sentence}" in verdict([gain(difference(*UP), found)], 20)


def test_few_seeds_are_a_smoke_test_whatever_the_difference():
    told = verdict([gain(difference(0.5, seeds=4))], 20)
    assert told.startswith(
        "Smoke test, not evidence: the only recipe, “classic+genaug, pix2pix, 0.3”, differs by +0.500 Dice from "
        "classic (4 seeds, 20 test images); below 5 seeds no interval is given;"
    )
    assert "higher" not in told


def test_the_best_is_by_mean_among_those_with_enough_seeds():
    gains = [
        gain(difference(0.9, seeds=2), name="lucky"),
        gain(difference(*AROUND), name="low"),
        gain(difference(*UP), name="high"),
        gain(difference(0.8, 0.7, 0.9), arm="copy_paste"),
        gain(None, arm="classic"),
    ]
    assert best_gain(gains).recipe[1] == "high"
    assert "The best of 2 recipes, “classic+genaug, high, 0.3”," in verdict(gains, 20)
    assert best_gain(gains[:1]).recipe[1] == "lucky"


def test_without_recipes_or_baseline_nothing_is_told():
    assert verdict([gain(None, arm="classic"), gain(difference(*UP), arm="copy_paste")], 20) == (
        "No recipe with synthetic images has been scored yet."
    )
    assert verdict([gain(None)], 20).startswith("No gain can be told: classic has not been scored yet")
    assert best_gain([gain(None)]) is None


def test_recipes_of_which_gates_let_nothing_through_are_not_the_best():
    refused = gain(difference(*UP), name="refused")._replace(given=0.0)
    assert best_gain([refused, gain(difference(*DOWN))]).recipe[1] == "pix2pix"
    assert verdict([refused], 20).startswith("No gain can be told")


def test_a_verdict_says_how_many_pairs_gates_let_through_and_how_far_more_labels_are():
    told = verdict([gain(difference(*UP))._replace(given=0.4, headroom=(41, 0.8, 1))], 20)
    assert "its Dice is 0.500, 62 % of the 0.800 of classic with 41 labelled images" in told
    assert told.endswith("gates let a pair through for 40 % of those that were wanted.")
