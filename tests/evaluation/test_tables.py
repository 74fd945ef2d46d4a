"""What is said of a result."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from rich.console import Console

from monai_genaug.evaluation import evaluate_images
from monai_genaug.evaluation.result import EvaluationResult
from monai_genaug.evaluation.tables import list_left_out, list_tables, summarise
from tests.evaluation.drawn import textures
from tests.evaluation.test_evaluate import FEW, Bright, painted


@pytest.fixture(scope="module")
def result() -> EvaluationResult:
    synthetic = [{**item, "name": f"{item['name']}_{k}"} for k in range(2) for item in painted(6, seed=1 + k)]
    return evaluate_images(painted(12), synthetic, held_out=painted(5, seed=8), classifier=Bright(), **FEW)


def test_the_tables_come_in_order_with_the_numbers_of_images(result):
    tables = {table.title: table for table in list_tables(result)}
    assert list(tables) == [
        "Distribution and intensities",
        "Memorisation: distance to the nearest real image",
        "Masks found again",
        "Images of one mask",
        "Classifier",
    ]
    sets = tables["Distribution and intensities"]
    assert list(sets.columns)[1:] == [
        "12 real, 12 synthetic",
        "95 % interval",
        "6 real, 6 synthetic",
        "6 real, 6 other real",
    ]
    assert sets.rows[0][0] == "KID \N{DOWNWARDS ARROW}"
    assert [row[1] for row in tables["Masks found again"].rows] == ["12", "12"]
    assert [row[1] for row in tables["Memorisation: distance to the nearest real image"].rows] == ["12", "5"]
    assert {row[2] for row in tables["Images of one mask"].rows} == {"12 pairs", "6 masks"}
    assert "Not defined for images of this size or kind: VIF." in tables["Images of one mask"].note
    assert list(tables["Classifier"].columns)[1:] == ["12 synthetic", "12 real"]


def test_every_row_has_a_cell_for_each_column(result):
    for table in list_tables(result):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_what_is_left_out_is_a_dash_with_its_reason(result):
    rows = {row[0]: row for row in list_tables(result)[0].rows}
    assert rows["real-synthetic AUC \N{RIGHTWARDS ARROW} 0.5"][2] == "\N{EN DASH}"
    assert list_left_out(result) == [
        "real-synthetic AUC: no interval: half of the images are fewer than 10 of each; no floor: half of the real "
        "images, or the synthetic ones, are fewer than 10."
    ]


def test_the_summary_names_counts_floor_copies_and_masks(result):
    images, kid, worse, copies, masks = summarise(result)
    assert images == "12 real images of 32x36, 12 synthetic images of 32x36."
    assert kid.startswith("KID of 6 real and 6 synthetic images: ")
    assert "of 2 draws of 6 and 6 real images" in worse
    assert "of 12 synthetic images come nearer to a real image than the smallest distance of 5 held-out" in copies
    assert (
        "objects being bright: mean Dice 0.999 on 12 synthetic images; on 12 real images with their labels 1." in masks
    )


def test_own_masks_and_duplicates_are_told():
    real = textures(4)
    real.append({**real[0], "name": "again"})
    lines = " ".join(summarise(evaluate_images(real, real[1:3], held_out=textures(4, seed=1), **FEW)))
    assert "2 of 2 synthetic images come nearer" in lines
    assert "2 of them are nearest to the real image of their own mask" in lines
    lines = " ".join(summarise(evaluate_images(real, real[1:3], **FEW)))
    assert "2 of 5 real images to the other ones are almost the same as another one" in lines
    assert "give groups, or held-out images" in lines


def test_a_result_with_little_in_it_is_told_too():
    result = evaluate_images([{"image": torch.rand(1, 9, 9)}], [{"image": torch.rand(1, 9, 9)}], **FEW)
    assert len(summarise(result)) == 1
    assert [table.title for table in list_tables(result)] == ["Distribution and intensities"]
    assert any("below 23 voxels" in line for line in list_left_out(result))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": "inception"}, "to whose size each image is resampled"),
        ({"features": "mine.pt"}, "mine.pt, which sees each image at its own size"),
        ({"crop": 16}, "cropped, at random, to 16 voxels a side"),
    ],
    ids=["inception", "file", "crop"],
)
def test_the_note_says_what_the_features_saw(result, change, words):
    changed = replace(result, settings={**result.settings, **change})
    assert words in list_tables(changed)[0].note


def test_unequal_sizes_are_told():
    result = evaluate_images(textures(3), textures(3, (30, 40), seed=1), **FEW)
    assert "Sizes differ (48x48, 30x40); nothing is resampled" in list_tables(result)[0].note


def test_the_tables_fit_a_terminal_of_80_characters(result):
    console = Console(width=80)
    with console.capture() as capture:
        for table in list_tables(result):
            console.print(table._replace(note="").to_rich())
    assert max(map(len, capture.get().splitlines())) <= 80
