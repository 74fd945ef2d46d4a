"""Files of scores and gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monai_genaug.benchmark.grid.gain_tables import gain_tables
from monai_genaug.benchmark.grid.gains import measure_gains
from monai_genaug.benchmark.grid.results import write_results
from tests.benchmark.grid.test_gains import BASE, runs


def test_every_score_and_every_gain_is_written(tmp_path):
    results = runs("classic", BASE) + runs("classic+genaug", BASE + 0.05)
    gains = measure_gains(results)
    write_results(tmp_path, results, gains, gain_tables(gains))
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert len(scores) == 2 * BASE.size
    one = scores[(scores.arm == "classic") & (scores.seed == 2)]
    assert np.allclose(one.dice, BASE[2])
    assert one.image.tolist() == [f"image{number}" for number in range(8)]
    rows = pd.read_csv(tmp_path / "gains.csv").set_index("arm")
    assert rows.loc["classic+genaug", "dice_over_baseline"] == pytest.approx(0.05)
    assert rows.loc["classic+genaug", "dice_over_baseline_low"] == pytest.approx(0.05, abs=1e-6)
    assert np.isnan(rows.loc["classic", "p_holm"])
    assert "| classic+genaug, pix2pix, 0.3 | 6 |" in (tmp_path / "table.md").read_text()


def test_a_grid_of_which_nothing_is_there_yet_has_empty_files(tmp_path):
    write_results(tmp_path, [], [], [])
    assert (tmp_path / "table.md").read_text() == ""
    assert (tmp_path / "scores.csv").is_file()
