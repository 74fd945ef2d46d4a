"""What is made of the scores of cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.gain_tables import gain_tables, measure_tables
from monai_genaug.benchmark.grid.gains import MIN_SEEDS, Gain, measure_gains
from monai_genaug.benchmark.grid.store import CellResult
from monai_genaug.benchmark.stats import paired_interval
from tests.benchmark.grid.test_store import result

RNG = np.random.default_rng(0)
BASE = RNG.uniform(0.5, 0.8, (6, 8))  # seeds, images


def runs(arm: str, scores: np.ndarray, labelled: int = 2, **changes) -> list[CellResult]:
    """Results of an arm, one for each row."""
    generator = "pix2pix" if "genaug" in arm or "synthetic" in arm else None
    share = 0.0 if arm in ("none", "classic") else 0.3
    return [
        result(
            Cell("a", labelled, seed, "unet", arm, generator, share),
            row.tolist(),
            labelled=[str(number) for number in range(labelled)],
            **changes,
        )
        for seed, row in enumerate(scores)
    ]


def gain_of(arm: str, results: list[CellResult], labelled: int = 2) -> Gain:
    [found] = [gain for gain in measure_gains(results) if gain.recipe[0] == arm and gain.setup[1] == labelled]
    return found


def test_gains_are_paired_by_seed_and_image():
    differences = RNG.normal(0.02, 0.01, BASE.shape)
    gain = gain_of("classic+genaug", runs("classic", BASE) + runs("classic+genaug", BASE + differences))
    expected = paired_interval(differences)
    assert gain.over_baseline["dice"].interval[:3] == pytest.approx(expected[:3])
    assert gain.over_baseline["dice"].mean == pytest.approx(differences.mean())
    assert gain.means["jaccard"] == pytest.approx((BASE + differences).mean())


def test_only_seeds_of_both_arms_count():
    gain = gain_of("classic+genaug", runs("classic", BASE[:3]) + runs("classic+genaug", BASE + 0.1))
    assert gain.seeds == (0, 1, 2, 3, 4, 5)
    assert gain.over_baseline["dice"].seeds == 3
    assert gain.over_baseline["dice"].mean == pytest.approx(0.1)


@pytest.mark.parametrize("seeds", [1, 4, 5])
def test_below_five_seeds_no_interval_is_given_and_the_table_says_so(seeds):
    results = runs("classic", BASE[:seeds]) + runs("classic+genaug", BASE[:seeds] + 0.05)
    gain = gain_of("classic+genaug", results)
    assert (gain.over_baseline["dice"].interval is None) == (seeds < MIN_SEEDS)
    [table] = gain_tables(measure_gains(results))
    assert ("a smoke test, not evidence" in table.note) == (seeds < MIN_SEEDS)
    assert table.rows[1][3].startswith("+0.050 (")


def test_copy_paste_of_the_same_share_is_the_control():
    results = runs("classic", BASE) + runs("copy_paste", BASE + 0.03) + runs("classic+genaug", BASE + 0.05)
    assert gain_of("classic+genaug", results).over_control["dice"].mean == pytest.approx(0.02)
    assert gain_of("copy_paste", results).over_control is None
    other = [run._replace(cell=run.cell._replace(share=0.5)) for run in runs("copy_paste", BASE + 0.03)]
    assert (
        gain_of("classic+genaug", [*runs("classic", BASE), *other, *runs("classic+genaug", BASE)]).over_control is None
    )


def test_p_values_are_corrected_for_all_recipes_of_a_setup():
    noise = RNG.normal(0, 0.02, BASE.shape)
    results = runs("classic", BASE) + runs("copy_paste", BASE + noise) + runs("classic+genaug", BASE + 0.05 + noise)
    plain = stats.wilcoxon((0.05 + noise).mean(axis=0)).pvalue
    assert gain_of("classic+genaug", results).p == pytest.approx(2 * plain)
    assert gain_of("classic", results).p is None


@pytest.mark.parametrize(("images", "recipes", "told"), [(5, 1, False), (6, 1, True), (6, 2, False), (7, 2, True)])
def test_no_p_is_given_where_it_could_not_be_small(images, recipes, told):
    gains = {"classic+genaug": 0.05, "copy_paste": 0.03}
    added = [runs(arm, BASE[:, :images] + gain) for arm, gain in list(gains.items())[:recipes]]
    found = gain_of("classic+genaug", sum(added, runs("classic", BASE[:, :images])))
    assert (found.p is not None) == told
    assert found.p is None or found.p < 0.05


def test_a_gain_whose_interval_holds_0_has_no_worth_in_labels():
    curve = runs("classic", BASE, 2) + runs("classic", BASE + 0.1, 8)
    noise = np.where(np.arange(6)[:, None] % 2, 0.3, -0.28) * np.ones_like(BASE)
    assert gain_of("classic+genaug", curve + runs("classic+genaug", BASE + noise, 2)).worth is None
    assert gain_of("classic+genaug", curve + runs("classic+genaug", BASE + 0.05, 2)).worth is not None


def test_groups_of_test_images_count_once():
    groups = ["p", "p", "p", "p", "q", "q", "q", "q"]
    results = [
        run for arm, add in (("classic", 0), ("classic+genaug", 0.05)) for run in runs(arm, BASE + add, groups=groups)
    ]
    assert "2 test groups" in gain_of("classic+genaug", results).over_baseline["dice"].interval.method


def test_the_learning_curve_of_classic_tells_what_a_score_is_worth():
    level = np.full((MIN_SEEDS, 2), 0.6)
    results = [*runs("classic", level, 2), *runs("classic", level + 0.1, 8), *runs("classic+genaug", level + 0.05, 2)]
    assert gain_of("classic+genaug", results).worth == (4.0, "within")
    assert gain_of("classic+genaug", results[0:1] + results[2:]).worth is None


def test_data_sets_and_segmenters_are_not_mixed():
    results = runs("classic", BASE)
    moved = [run._replace(cell=run.cell._replace(segmenter="wide")) for run in runs("classic+genaug", BASE)]
    [gain] = [gain for gain in measure_gains(results + moved) if gain.setup[2] == "wide"]
    assert gain.over_baseline is None


def test_scores_on_other_test_images_are_not_compared():
    other = runs("classic+genaug", BASE, names=[f"other{number}" for number in range(8)])
    with pytest.raises(ValueError, match="were scored on different test images"):
        measure_gains(runs("classic", BASE) + other)


def test_tables_hold_every_recipe_and_measure():
    results = runs("classic", BASE) + runs("classic+genaug", BASE + 0.05)
    [gains], [measures] = gain_tables(measure_gains(results)), measure_tables(measure_gains(results), tolerance=2.0)
    assert gains.title == "a, 2 labelled images, unet"
    assert [row[0] for row in gains.rows] == ["classic", "classic+genaug, pix2pix, 0.3"]
    assert {len(row) for row in gains.rows} == {len(gains.columns)}
    assert {len(row) for row in measures.rows} == {len(measures.columns)}
    assert "t interval over 6 seeds and 8 test groups" in gains.note


def test_without_labels_the_source_is_the_baseline():
    source = [one._replace(cell=one.cell._replace(arm="source")) for one in runs("classic", BASE, 0)]
    results = source + runs("synthetic_only", BASE + 0.1, 0) + runs("classic", BASE + 0.2, 8)
    gain = gain_of("synthetic_only", results, 0)
    assert gain.over_baseline["dice"].mean == pytest.approx(0.1)
    assert gain.headroom == (8, pytest.approx((BASE + 0.2).mean()), len(BASE))
    [table, _] = gain_tables(measure_gains(results))
    assert table.columns[3:] == ["over source", "p", "worth in labels"]


def test_no_p_and_no_worth_are_given_below_five_seeds():
    few = BASE[: MIN_SEEDS - 1]
    results = runs("classic", few) + runs("classic+genaug", few + 0.05) + runs("classic", few + 0.1, 8)
    gain = gain_of("classic+genaug", results)
    assert (gain.p, gain.worth) == (None, None)


def test_where_gates_judged_the_table_says_for_how_many_pairs_they_let_one_through():
    gated = [one._replace(given=share) for one, share in zip(runs("genaug", BASE[:2]), (0.5, 0.7), strict=True)]
    [table] = gain_tables(measure_gains(runs("classic", BASE[:2]) + gated))
    assert table.columns[-1] == "pairs given"
    assert [row[-1] for row in table.rows] == ["-", "60 %"]
