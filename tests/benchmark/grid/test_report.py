"""The page of a grid, whole: of trainings that were really run, and of scores that are made up."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.gain_tables import gain_tables, measure_tables
from monai_genaug.benchmark.grid.run import run_grid
from monai_genaug.benchmark.grid.store import CellStore
from monai_genaug.phantoms import write_nuclei_dataset
from monai_genaug.training.progress import progress_bars
from tests.benchmark.grid.conftest import content
from tests.benchmark.grid.made import make_grid, planted
from tests.benchmark.test_demo import Page

ARMS = ["classic", "copy_paste", "classic+genaug"]
CELLS = {"labelled": [2, 4], "arms": ARMS, "generators": ["pix2pix"]}
SEEDS = list(range(6))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a grid that was run."""
    root = tmp_path_factory.mktemp("grid")
    write_nuclei_dataset(root / "data", counts={"training": 4, "validation": 0, "test": 3}, spatial_size=(32, 32))
    plan = content({"labelled": [2], "arms": ARMS, "generators": ["pix2pix", "cyclegan"]})
    with progress_bars(show=False) as bars:
        result = run_grid(plan, bars, data_dir=root, output_dir=root / "out", device="cpu")
    assert result.failures == []
    return result.folder


def words(page: str) -> str:
    """What people read of a page, without tags and doubled spaces."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(text).split())


def rows(page: str) -> list[list[str]]:
    """Texts of all rows of all tables."""
    found = re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)
    return [[words(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)] for row in found]


def test_a_run_ends_with_a_page_that_is_whole_and_needs_nothing_else(done):
    text = (done / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not page.all("script") + page.all("link")
    assert not re.search(r"https?://|url\(|@import", text)


def test_every_picture_chart_and_table_can_be_read_without_seeing_it(done):
    page = Page((done / "report.html").read_text(encoding="utf-8"))
    assert len(page.all("img")) >= 2 * 2 * 5 + 4
    assert all(image["alt"] for image in page.all("img"))
    charts = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    assert len(charts) == 2 + 3
    assert all(len(chart["aria-label"]) > 40 for chart in charts)
    assert all(svg.get("aria-hidden") == "true" for svg in page.all("svg") if svg not in charts)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    areas = [area for area in page.all("div") if "scroll" in (area.get("class") or "").split()]
    assert len(areas) == len(page.all("table")) > 4
    assert all(area["tabindex"] == "0" and area["aria-labelledby"] in ids for area in areas)
    assert {link["href"][1:] for link in page.all("a")} <= set(ids)
    assert {head["scope"] for head in page.all("th")} == {"col", "row"}


def test_headings_go_down_by_one_level(done):
    page = Page((done / "report.html").read_text(encoding="utf-8"))
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch(r"h\d", name)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_one_seed_is_called_a_smoke_test(done):
    text = words((done / "report.html").read_text(encoding="utf-8"))
    assert "phantoms, 2 labelled images, unet : Smoke test, not evidence:" in text
    assert re.search("the best of 2 recipes, “classic.genaug, (pix2pix|cyclegan), 0.3”, differs by", text)
    assert "(1 seed, 3 test images)" in text
    assert "6 of 6" not in text
    assert "4 of 4 trainings have been scored." in text


def test_the_page_says_how_to_repeat_it(done):
    text = words((done / "report.html").read_text(encoding="utf-8"))
    command = f"monai-genaug benchmark {done}/plan_as_run.yaml --data {done.parent} --out {done} --setting short"
    assert f"{command} --device cpu" in text
    assert "Machine of 4 of 4 cells" in text
    assert "segmenters.unet.crop_size 16" in text


def test_tables_and_verdicts_hold_what_was_measured(root, tmp_path):
    made = make_grid(root, tmp_path, planted, CELLS, seeds=SEEDS)
    page = made.page()
    held = rows(page)
    for table in gain_tables(made.gains):
        assert all(list(row) in held for row in table.rows)
    for table in measure_tables(made.gains, tolerance=2.0):
        assert all([row[0], "6", *row[1:]] in held for row in table.rows)
    text = words(page)
    gain = next(gain for gain in made.gains if gain.recipe[0] == "classic+genaug" and gain.setup[1] == 2)
    low, high = gain.over_baseline["dice"].interval[1:3]
    assert 0.03 < low < high < 0.07
    mean = gain.over_baseline["dice"].mean
    sentence = (
        "The only recipe, “classic+genaug, pix2pix, 0.3”, scored higher than classic on these test images, by "
        f"{mean:.3f} Dice (95 % interval {low:+.3f} to {high:+.3f}; 6 seeds, 4 test images); it scored higher than "
        "copy-paste, by"
    )
    assert text.count(sentence) == 2  # above and in its part
    assert "4 test images in 4 groups; seeds 0, 1, 2, 3, 4, 5." in text
    assert "the trained segmenters of classic and classic+genaug, pix2pix, 0.3 are not in the output folder" in text
    assert Page(page).all("img") == []


def test_where_nothing_differs_no_gain_is_shown(root, tmp_path):
    made = make_grid(root, tmp_path, lambda cell: planted(cell) - 0.05 * ("genaug" in cell.arm), CELLS, seeds=SEEDS)
    assert "No gain over classic is shown: for the only recipe, “classic+genaug, pix2pix, 0.3”, the" in words(
        made.page()
    )


def test_a_grid_of_which_nothing_is_there_has_a_page(root, tmp_path):
    made = make_grid(root, tmp_path, lambda cell: None, CELLS)
    page = made.page()
    assert Page(page).open == []
    text = words(page)
    assert "0 of 6 trainings have been scored: what this page says may change." in text
    assert "Nothing has been scored yet, so nothing can be said." in text
    assert ["phantoms", "6", "2, 4", "none scored yet", "-", "0"] in rows(page)
    assert {link["href"][1:] for link in Page(page).all("a")} <= {tag.get("id") for _, tag in Page(page).tags}


def test_unequal_seeds_are_told_of_each_arm(root, tmp_path):
    there = {"classic": 6, "copy_paste": 2, "classic+genaug": 5}
    made = make_grid(
        root, tmp_path, lambda cell: planted(cell) if cell.seed < there[cell.arm] else None, CELLS, seeds=SEEDS
    )
    text = words(made.page())
    assert (
        "seeds 0, 1, 2, 3, 4, 5 (but “copy_paste, 0.3”: 0, 1; “classic+genaug, pix2pix, 0.3”: 0, 1, 2, 3, 4), and "
        "differences are of the seeds that both arms have."
    ) in text
    assert "; 5 seeds, 4 test images); it differs by" in text
    assert "Dice from copy-paste (2 seeds, 4 test images), which is no evidence either way." in text
    assert "26 of 36 trainings have been scored" in text


def test_only_the_baseline_or_only_a_recipe_has_a_page(root, tmp_path):
    for arm, sentence in (("classic", "No recipe with synthetic"), ("classic+genaug", "No gain can be told: classic")):
        made = make_grid(root, tmp_path, lambda cell, arm=arm: planted(cell) if cell.arm == arm else None, CELLS)
        page = made.page()
        assert sentence in page
        assert Page(page).open == []


def test_names_are_escaped(root, tmp_path):
    name = "<b>a</b> & 'c' \"d\""

    def scores(cell: Cell) -> np.ndarray | None:
        return planted(cell) if cell.arm != "copy_paste" else None

    made = make_grid(
        root,
        tmp_path,
        scores,
        {"datasets": [name], "labelled": [2], "arms": ARMS, "generators": [name], "segmenters": [name]},
        datasets={name: "data"},
        segmenters={name: {}},
        generators={name: {"bundle": "nuclei_pix2pix"}},
    )
    failed = next(cell for cell in (run.cell for run in made.results))._replace(arm="copy_paste", share=0.3)
    store = CellStore(tmp_path)
    store.write_failure(made.kitchens(failed).key(failed), "Traceback\n  File\nValueError: <script>alert(1)</script>")
    page = made.page(command="monai-genaug benchmark '<i>.yaml'")
    found = Page(page)
    assert found.open == []
    assert not found.all("b") + found.all("script") + found.all("i")
    assert "<b>a</b> & 'c' \"d\", 2 labelled images" in words(page)
    assert "ValueError: <script>alert(1)</script>" in html.unescape(page)


def test_failed_cells_are_named_and_linked(root, tmp_path):
    made = make_grid(root, tmp_path, lambda cell: planted(cell) if cell.arm == "classic" else None, CELLS)
    cell = made.results[0].cell._replace(arm="copy_paste", share=0.3)
    CellStore(tmp_path).write_failure(made.kitchens(cell).key(cell), "Traceback\n  File ...\nFloatingPointError: NaN")
    page = made.page()
    assert [cell.title, "FloatingPointError: NaN", f"failures/{made.kitchens(cell).key(cell)}.txt"] in rows(page)
    assert "and 1 failed : what this page says may change" in words(page)


def test_colours_and_marks_are_the_same_in_all_charts(root, tmp_path):
    cells = {"labelled": [2, 4], "arms": ["none", *ARMS], "generators": ["pix2pix", "edits", "unlabelled", "cyclegan"]}
    made = make_grid(root, tmp_path, planted, cells, {"labelled": [4], "arms": ["genaug"], "generators": ["edits"]})
    page = made.page()
    legends = re.findall(r'<span class="(kind\d)"><svg[^>]*><path[^>]*d="([^"]+)"></path></svg> (.*?)</span>', page)
    kinds = {name: (kind, path) for kind, path, name in legends}
    assert len(legends) == 8 + 7
    assert {(name, (kind, path)) for kind, path, name in legends} == set(kinds.items())
    assert len(set(kinds.values())) == len(kinds) == 8
    assert kinds["classic"][0] == "kind0"
