"""What a report tells besides scores."""

from __future__ import annotations

import shlex

import pytest
import yaml

from monai_genaug.benchmark.grid.cells import list_cells
from monai_genaug.benchmark.grid.facts import (
    ARM_WORDS,
    arm_table,
    data_table,
    flatten_plan,
    last_error,
    list_failures,
    list_machines,
    network_table,
    training_table,
    write_command,
)
from monai_genaug.benchmark.grid.plan import ARMS
from monai_genaug.benchmark.grid.store import CellStore
from monai_genaug.benchmark.report import flatten_settings
from tests.benchmark.grid.conftest import content
from tests.benchmark.grid.made import make_grid, planted

CELLS = {"labelled": [2, 0.5], "arms": ["classic", "copy_paste", "classic+genaug"], "generators": ["pix2pix"]}


@pytest.fixture
def made(root, tmp_path):
    return make_grid(root, tmp_path, lambda cell: planted(cell) if cell.seed == 0 else None, CELLS, seeds=[0, 1])


def test_data_are_counted(made):
    table = data_table(list_cells(made.plan), made.results, made.kitchens)
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "data set": "phantoms",
        "training images": "6",
        "labelled of these": "2, 3",
        "test images": "4",
        "test groups": "4",
        "seeds": "0, 1",
    }
    assert data_table(list_cells(made.plan), [], made.kitchens).rows[0][3] == "none scored yet"


def test_every_arm_has_words():
    assert ARM_WORDS.keys() == ARMS.keys()


def test_arms_of_the_plan_are_told_with_their_shares(made):
    assert [(row[0], row[2]) for row in arm_table(list_cells(made.plan)).rows] == [
        ("classic", "-"),
        ("copy_paste", "0.3"),
        ("classic+genaug", "0.3"),
    ]


def test_budgets_are_those_of_the_plan_or_of_the_bundle(root, tmp_path):
    plan = make_grid(root, tmp_path, lambda cell: None, segmenters={"unet": {"epochs": 7}, "wide": {}}).plan
    [cell, *_] = list_cells(plan)
    used = [cell._replace(generator=name, segmenter=net) for name in plan.generators for net in ("unet", "wide")]
    table = network_table(plan, used)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert (rows["unet"]["epochs"], rows["wide"]["epochs"], rows["unet"]["iterations, epoch"]) == ("7", "16", "50")
    assert rows["pix2pix"]["epochs"] == "2"
    assert (rows["pix2pix"]["sees"], rows["cyclegan"]["sees"]) == ("labelled images", "all training images")
    assert rows["edits"]["writes"] == "edits"


def test_networks_that_no_cell_uses_are_left_out(root, tmp_path):
    plan = make_grid(root, tmp_path, lambda cell: None).plan
    assert [row[0] for row in network_table(plan, list_cells(plan)).rows] == ["unet", "pix2pix"]


def test_durations_are_means_with_their_range(made):
    slow = made.results[0]._replace(
        cell=made.results[0].cell._replace(seed=1), seconds={"segmenter": 4, "generator": 0}
    )
    table = training_table([*made.results, slow._replace(accepted=0.25)])
    assert table.rows[0] == [
        "phantoms, 2 labelled images, unet",
        "classic",
        "2",
        "3 (2 to 4)",
        "10",
        "-",
        "-",
        "25 %",
    ]
    assert table.rows[2][1:] == ["classic+genaug, pix2pix, 0.3", "1", "2", "10", "7", "0", "-"]


def test_machines_are_counted(made):
    first, *others = made.results
    found = list_machines([first._replace(machine={"device": "H200"}), *others])
    assert found == [(1, {"device": "H200"}), (len(others), {"device": "cpu"})]


def test_failures_of_any_process_are_found_with_their_error(made):
    store, cells = CellStore(made.folder), list_cells(made.plan)
    try:
        try:
            raise OSError("first")
        except OSError as error:
            raise ValueError("no <b>\nand more") from error
    except ValueError as error:
        import traceback

        store.write_failure(made.kitchens(cells[1]).key(cells[1]), "".join(traceback.format_exception(error)))
    store.write_failure("of another plan", "Traceback")
    [failure] = list_failures(cells, store, made.kitchens)
    assert failure.title == cells[1].title
    assert failure.line == "ValueError: no <b>"
    assert (made.folder / failure.file).is_file()


@pytest.mark.parametrize("text", ["", "killed", "one\ntwo"])
def test_what_is_no_traceback_has_a_first_line_too(text):
    assert last_error(text) == text.split("\n")[0]


def test_the_command_reads_the_plan_that_it_wrote(tmp_path):
    folder = tmp_path / "my runs"
    told = write_command(folder, content(), data_dir="data sets", setting="short", device=None)
    file = folder / "plan_as_run.yaml"
    assert shlex.split(told) == [
        *("monai-genaug", "benchmark", str(file)),
        *("--data", "data sets", "--out", str(folder), "--setting", "short"),
    ]
    assert yaml.safe_load(file.read_text()) == content()


def test_a_plan_is_flattened_down_to_its_entries(made):
    flat = flatten_settings(flatten_plan(made.plan))
    assert flat["cells.0.labelled"] == "2, 0.5"
    assert flat["generators.pix2pix.settings.crop_size"] == "16"
    assert flat["tolerance"] == "2.0"
