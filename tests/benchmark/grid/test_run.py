"""Grids, whole: what is run, what is left as it is, and what happens when something fails."""

from __future__ import annotations

import errno
import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from monai_genaug.benchmark.grid import run as grid
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.benchmark.grid.watch import OutOfTimeError, Watch
from monai_genaug.benchmark.kinds import run_benchmark
from monai_genaug.benchmark.tables import BenchmarkResult
from monai_genaug.training.progress import progress_bars
from tests.benchmark.grid.conftest import FAMILIES, UNET, as_family, content


def run(
    root: Path, out: Path, *cells: dict[str, Any], changes: dict[str, Any] | None = None, **options
) -> BenchmarkResult:
    with progress_bars(show=False) as bars:
        plan = content(*cells, **(changes or {}))
        return grid.run_grid(plan, bars, data_dir=root, output_dir=out, device="cpu", **options)


def cells_of(out: Path) -> dict[str, str]:
    """Contents of the files of cells."""
    return {file.name: file.read_text() for file in sorted((out / "cells").glob("*.json"))}


def test_a_grid_writes_a_file_for_each_cell_and_tables(root, tmp_path):
    arms = {"labelled": [2], "arms": ["classic", "copy_paste", "classic+genaug"], "generators": ["pix2pix", "cyclegan"]}
    done = run(root, tmp_path / "out", arms, changes={"seeds": [0, 1]})
    assert done.failures == []
    assert len(cells_of(done.folder)) == 2 * 4
    [table] = done.tables
    assert [row[0] for row in table.rows] == [
        "classic",
        "copy_paste, 0.3",
        "classic+genaug, pix2pix, 0.3",
        "classic+genaug, cyclegan, 0.3",
    ]
    scores = pd.read_csv(done.folder / "scores.csv")
    assert scores.groupby(["arm", "generator", "seed"], dropna=False).size().tolist() == [3] * 8
    assert set(scores.image) == {"test_000", "test_001", "test_002"}
    one = json.loads(next(iter(cells_of(done.folder).values())))
    assert len(one["labelled"]) == 2
    assert not any(name.startswith("test") for name in one["labelled"])
    assert one["seconds"]["segmenter"] > 0


@pytest.mark.parametrize("bundle", FAMILIES)
def test_every_family_takes_part(root, tmp_path, bundle):
    cells = {"labelled": [2], "arms": ["genaug"], "generators": ["family"]}
    done = run(root, tmp_path / "out", cells, changes={"generators": {"family": as_family(bundle)}})
    assert done.failures == []
    [cell] = [json.loads(text) for text in cells_of(done.folder).values()]
    assert cell["seconds"]["generator"] > 0


def test_what_is_there_is_left_as_it_is_and_more_can_be_added(root, tmp_path, monkeypatch):
    first = run(root, tmp_path / "out")
    before = cells_of(first.folder)
    trained: list[str] = []
    real = Kitchen.segmenter
    monkeypatch.setattr(Kitchen, "segmenter", lambda self, cell: (trained.append(cell.arm), real(self, cell))[1])
    run(
        root,
        tmp_path / "out",
        {"labelled": [2], "arms": ["none", "classic", "classic+genaug"], "generators": ["pix2pix"]},
    )
    assert trained == ["none"]
    after = cells_of(first.folder)
    assert len(after) == 3
    assert before.items() <= after.items()


def test_a_run_repeats(root, tmp_path):
    a, b = (cells_of(run(root, tmp_path / name).folder) for name in ("a", "b"))
    assert a.keys() == b.keys()
    assert all(json.loads(a[name])["scores"] == json.loads(b[name])["scores"] for name in a)


def test_a_damaged_cell_is_run_again_and_said_to_be(root, tmp_path, caplog):
    out = run(root, tmp_path / "out").folder
    before = cells_of(out)
    name = next(iter(before))
    (out / "cells" / name).write_text(before[name][:50])
    with caplog.at_level(logging.WARNING):
        run(root, tmp_path / "out")
    assert f"{name} is damaged" in caplog.text
    again = cells_of(out)
    assert json.loads(again[name])["scores"] == json.loads(before[name])["scores"]


def test_a_cell_that_fails_is_reported_at_the_end_and_the_others_go_on(root, tmp_path, monkeypatch):
    real = Kitchen.segmenter

    def fail_once(self, cell):
        if cell.arm == "classic":
            raise FloatingPointError("the loss is NaN")
        return real(self, cell)

    monkeypatch.setattr(Kitchen, "segmenter", fail_once)
    done = run(root, tmp_path / "out")
    [failure] = done.failures
    assert failure.startswith("phantoms, 2 labelled, seed 0: classic: FloatingPointError: the loss is NaN (")
    [file] = (done.folder / "failures").iterdir()
    assert "fail_once" in file.read_text()
    assert len(cells_of(done.folder)) == 1
    monkeypatch.undo()
    assert run(root, tmp_path / "out").failures == []
    assert list((done.folder / "failures").iterdir()) == []


def test_a_full_disk_ends_the_run(root, tmp_path, monkeypatch):
    def full(self, cell):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Kitchen, "segmenter", full)
    with pytest.raises(OSError, match="the disk is full; free some space and run the same command again"):
        run(root, tmp_path / "out")


@pytest.mark.parametrize("entry", ["datasets", "generators", "segmenters"])
def test_a_misspelt_name_in_a_setting_is_refused_before_anything_is_trained(root, tmp_path, entry):
    with pytest.raises(ValueError, match=f"{entry} of the setting 'short' has the unknown entry 'unett'"):
        run(root, tmp_path / "out", changes={"settings": {"short": {entry: {"unett": {"epochs": 1}}}}})


def test_a_run_out_of_time_says_so_and_goes_on_later(root, tmp_path):
    done = run(root, tmp_path / "out", minutes=1e-9)
    assert done.unfinished == "out of time after 1e-09 minutes: the same command goes on where it was"
    assert not done.failures
    assert cells_of(done.folder) == {}
    assert run(root, tmp_path / "out").failures == []


def test_time_that_is_over_stops_a_training_which_then_goes_on_to_the_same_scores(root, tmp_path, monkeypatch):
    long = {"segmenters": {"unet": {**UNET, "epochs": 4}}}
    cell = {"labelled": [2], "arms": ["classic"]}
    whole = cells_of(run(root, tmp_path / "whole", cell, changes=long).folder)
    checks = iter(range(100))

    def over(self: Watch) -> None:
        if next(checks) == 6:  # in the third of four epochs
            raise OutOfTimeError

    with monkeypatch.context() as patch:
        patch.setattr(Watch, "check", over)
        stopped = run(root, tmp_path / "out", cell, changes=long, minutes=1)
    assert stopped.unfinished
    assert cells_of(stopped.folder) == {}
    assert list(stopped.folder.rglob("checkpoint.pt"))
    done = cells_of(run(root, tmp_path / "out", cell, changes=long).folder)
    assert [json.loads(text)["scores"] for text in done.values()] == [
        json.loads(text)["scores"] for text in whole.values()
    ]


def test_shards_run_their_parts_and_together_all(root, tmp_path):
    plan = {"changes": {"seeds": [0, 1, 2]}}
    cell = {"labelled": [2], "arms": ["none", "classic"]}
    first = run(root, tmp_path / "out", cell, shard="1/2", **plan)
    assert len(cells_of(first.folder)) == 4
    assert [row[1] for row in first.tables[0].rows] == ["2", "2"]
    second = run(root, tmp_path / "out", cell, shard="2/2", **plan)
    assert [row[1] for row in second.tables[0].rows] == ["3", "3"]


def test_torchrun_says_which_part_a_process_runs(root, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    done = run(root, tmp_path / "out", {"labelled": [2], "arms": ["none"], "seeds": [0, 1, 2]})
    assert [json.loads(text)["cell"]["seed"] for text in cells_of(done.folder).values()] == [1]


def test_a_folder_that_holds_something_else_is_refused(root, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").touch()
    with pytest.raises(ValueError, match="is not empty and not of this benchmark"):
        run(root, tmp_path / "out")
    with pytest.raises(ValueError, match="lies in the data set"):
        run(root, root / "data/out")


def test_it_is_a_kind_of_benchmark_with_options_of_its_own(root, tmp_path):
    import yaml

    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(content({"labelled": [2], "arms": ["none"]})))
    with progress_bars(show=False) as bars:
        done = run_benchmark(file, bars, data_dir=root, output_dir=tmp_path / "out", device="cpu", shard="1/1")
        assert len(cells_of(done.folder)) == 1
        file.write_text("kind: paper_nucleus")
        with pytest.raises(ValueError, match="a benchmark of the kind paper_nucleus has no option shard: leave it out"):
            run_benchmark(file, bars, shard="1/2")


def test_what_is_written_of_a_generator_is_the_same_for_another_process(root, tmp_path, monkeypatch):
    cell = {"labelled": [2], "arms": ["classic+genaug"], "generators": ["edits", "backgrounds"]}
    done = run(root, tmp_path / "out", cell)
    before = cells_of(done.folder)
    for file in (done.folder / "cells").iterdir():
        file.unlink()
    monkeypatch.setattr("os.getpid", lambda: 4711)
    again = run(root, tmp_path / "out", cell)
    assert again.failures == []
    assert [json.loads(text)["scores"] for text in cells_of(again.folder).values()] == [
        json.loads(text)["scores"] for text in before.values()
    ]


def test_more_labels_than_there_are_images_are_refused_before_anything_is_trained(root, tmp_path):
    with pytest.raises(ValueError, match="expected the 7 of labelled"):
        run(root, tmp_path / "out", {"labelled": [2, 7], "arms": ["none"]})
    assert not (tmp_path / "out/trainings").exists()


def test_equal_numbers_of_labels_are_one_cell(root, tmp_path):
    done = run(root, tmp_path / "out", {"labelled": [2, 0.33, 2], "arms": ["none"]})
    assert len(cells_of(done.folder)) == 1
    assert len(pd.read_csv(done.folder / "scores.csv")) == 3


def test_networks_of_other_dimensions_than_the_images_are_refused_before_anything_is_trained(root, tmp_path):
    volumes = {"segmenters": {"unet": {**UNET, "spatial_dims": 3}}}
    with pytest.raises(
        ValueError, match="segmenters unet has spatial_dims 3, but phantoms holds images of 2 dimensions"
    ):
        run(root, tmp_path / "out", {"labelled": [2], "arms": ["none"]}, changes=volumes)
    assert not (tmp_path / "out/trainings").exists()


def test_a_table_of_which_cells_are_missing_says_so(root, tmp_path):
    run(root, tmp_path / "out", {"labelled": [2], "arms": ["none"]})
    [table] = run(root, tmp_path / "out", {"labelled": [2], "arms": ["none", "classic"]}, minutes=1e-9).tables
    assert table.note.endswith("1 of 2 cells have been scored: this may change.")


def test_a_full_disk_is_said_even_where_a_training_wrapped_it(root, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise RuntimeError("an expression failed") from OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(Kitchen, "segmenter", full)
    with pytest.raises(OSError, match="the disk is full; free some space"):
        run(root, tmp_path / "out")
