"""Losses and durations that outlive a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monai_genaug.benchmark.loss_table import LossFile, average_losses, median_seconds, read_losses


def tell(path: Path, iterations: range, *, offset: float = 0.0, **more: float) -> None:
    with LossFile(path) as record:
        for done in iterations:
            record(done, 6, {"g_loss": done + offset, "d_loss": 0.5, "loss": done, **more})


def frame(g_loss: list[float], seconds: list[float] | None = None) -> pd.DataFrame:
    count = len(g_loss)
    return pd.DataFrame({"iteration": range(1, count + 1), "seconds": seconds or [0.1] * count, "g_loss": g_loss})


def test_every_iteration_has_a_line_and_only_the_first_has_no_duration(tmp_path):
    tell(tmp_path / "a.csv", range(1, 7))
    read = read_losses(tmp_path / "a.csv", 6)
    assert read.columns.tolist() == ["iteration", "seconds", "g_loss", "d_loss"]
    assert read["g_loss"].tolist() == [1, 2, 3, 4, 5, 6]
    assert read["seconds"].isna().tolist() == [True] + [False] * 5


def test_lines_are_on_disk_before_the_training_ends(tmp_path):
    with LossFile(tmp_path / "a.csv") as record:
        record(1, 6, {"g_loss": 0.5})
        assert (tmp_path / "a.csv").read_text().splitlines()[1] == "1,,0.5"


def test_repeated_iterations_replace_their_earlier_lines(tmp_path):
    tell(tmp_path / "a.csv", range(1, 6))
    tell(tmp_path / "a.csv", range(4, 7), offset=10)
    assert read_losses(tmp_path / "a.csv", 6)["g_loss"].tolist() == [1, 2, 3, 14, 15, 16]


def test_a_training_that_starts_again_begins_a_new_file(tmp_path):
    tell(tmp_path / "a.csv", range(1, 6), other=1.0)
    tell(tmp_path / "a.csv", range(1, 7))
    assert read_losses(tmp_path / "a.csv", 6).columns.tolist() == ["iteration", "seconds", "g_loss", "d_loss"]


def test_a_line_that_a_crash_cut_is_taken_away(tmp_path):
    file = tmp_path / "a.csv"
    tell(file, range(1, 5))
    file.write_text(file.read_text() + "5,0.0")
    tell(file, range(5, 7))
    assert read_losses(file, 6)["iteration"].tolist() == [1, 2, 3, 4, 5, 6]


def test_others_are_told_of_each_iteration(tmp_path):
    calls = []
    with LossFile(tmp_path / "a.csv", then=[lambda *told: calls.append(told)]) as record:
        record(1, 2, {"loss": 1.0, "g_loss": 1.0})
    assert calls == [(1, 2, {"loss": 1.0, "g_loss": 1.0})]


def test_going_on_in_the_file_of_other_losses_is_refused(tmp_path):
    tell(tmp_path / "a.csv", range(1, 4), other=1.0)
    with pytest.raises(ValueError, match="it is of another training"):
        tell(tmp_path / "a.csv", range(4, 7))


@pytest.mark.parametrize("kept", [range(1, 4), range(0)], ids=["some", "none"])
def test_missing_iterations_are_refused(tmp_path, kept):
    tell(tmp_path / "a.csv", kept)
    with pytest.raises(ValueError, match=rf"has {len(kept)} iterations of a finished training, expected 6: delete"):
        read_losses(tmp_path / "a.csv", 6)


def test_intervals_are_equal_and_cover_all_iterations():
    parts = average_losses(frame([float(value) for value in range(10)]), 3)
    assert [(part["first"], part["last"]) for part in parts] == [(1, 4), (5, 7), (8, 10)]
    assert [part["mean"] for part in parts] == [1.5, 5.0, 8.0]
    assert parts[0]["std"] == pytest.approx(np.std([0, 1, 2, 3], ddof=1))


def test_seeds_are_averaged_by_iteration():
    both = pd.concat([frame([1.0, 2.0, 3.0]), frame([3.0, 4.0, 5.0])])
    assert [(part["first"], part["last"], part["mean"]) for part in average_losses(both, 3)] == [
        (1, 1, 2.0),
        (2, 2, 3.0),
        (3, 3, 4.0),
    ]


def test_a_single_value_has_no_standard_deviation():
    assert average_losses(frame([1.0]), 1)[0]["std"] is None


def test_more_intervals_than_iterations_are_refused():
    with pytest.raises(ValueError, match="intervals is 3, expected 1 to 2"):
        average_losses(frame([1.0, 2.0]), 3)


def test_durations_are_medians_of_what_was_timed_from_end_to_end():
    seconds = [np.nan, 1.0, 3.0, 1.0, np.nan, 1.0, 2.0, 3.0]  # stopped in the third epoch
    assert median_seconds(frame([0.0] * 8, seconds), 2) == {"seconds_per_iteration": 1.5, "seconds_per_epoch": 4.5}


def test_what_was_never_timed_is_none():
    found = median_seconds(frame([0.0], [np.nan]), 1)
    assert found == {"seconds_per_iteration": None, "seconds_per_epoch": None}
