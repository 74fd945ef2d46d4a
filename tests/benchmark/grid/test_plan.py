"""What a plan of a grid may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_genaug.benchmark.grid.cells import list_cells
from monai_genaug.benchmark.grid.plan import ARMS, GridPlan
from monai_genaug.benchmark.plan import choose_setting, read_plan
from tests.benchmark.grid.conftest import GENERATORS, content

PLANS = Path(__file__).parents[3] / "benchmarks"


def plan(*cells, **changes) -> GridPlan:
    return GridPlan.of(choose_setting(content(*cells, **changes), "short"))


def test_a_data_set_is_a_path_or_more():
    found = plan(datasets={"phantoms": "data", "lesions": {"path": "busi", "instances": False}}).datasets
    assert (found["phantoms"].path, found["phantoms"].instances) == ("data", True)
    assert (found["lesions"].path, found["lesions"].instances) == ("busi", False)


def test_only_arms_with_synthetic_images_need_a_generator():
    without = [name for name, arm in ARMS.items() if not arm.synthetic and not arm.foreign]
    assert plan({"labelled": [2], "arms": without}).cells[0].generators == ()
    with pytest.raises(ValueError, match="an arm with synthetic images, but no generators"):
        plan({"labelled": [2], "arms": [*without, "genaug"]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": {}}, "the plan has the unknown entry 'dataset', did you mean 'datasets'"),
        ({"datasets": ["data"]}, r"the plan has datasets: \['data'\], expected a mapping of names and values"),
        ({"datasets": {}}, "datasets is empty, expected at least one"),
        (
            {"datasets": {"phantoms": {"path": "data", "instances": "false"}}},
            "instances: 'false', expected true or false",
        ),
        ({"datasets": {"phantoms": {"path": 3}}}, "data set phantoms has path: 3, expected a text"),
        ({"segmenters": {}}, "segmenters is empty"),
        ({"seeds": []}, "seeds is empty"),
        ({"tolerance": "two"}, "the plan has tolerance: 'two', expected a number"),
        ({"tolerance": -1}, "tolerance is -1, expected at least 0"),
        ({"generators": {"a": {"bundle": 3}}}, "generator a has bundle: 3, expected a text"),
        ({"generators": {"a": {"bundle": "nuclei_unet"}}}, "the bundle nuclei_unet, which trains no generator"),
        ({"generators": {"a": {"bundle": "nuclei_rflow", "unlabelled": True}}}, "nuclei_rflow learns from pairs alone"),
        ({"generators": {"a": {"bundle": "nuclei_pix2pix", "unlabelled": "no"}}}, "unlabelled: 'no', expected true or"),
        ({"generators": {"a": {"bundle": "nuclei_pix2pix", "least_dice": "high"}}}, "least_dice: 'high', expected a"),
        (
            {"generators": {"a": {"bundle": "nuclei_pix2pix", "mask_settings": 3}}},
            "mask_settings: 3, expected a mapping",
        ),
        ({"datasets": {"phantoms": {"instances": True}}}, "data set phantoms has no entry 'path'"),
        ({"seeds": [0, 0]}, r"seeds is \[0, 0\], expected each number once"),
        ({"cells": []}, "cells is empty, expected a list"),
        ({"segmenters": {"unet": {"epoch": 3}}}, "'epoch' is no setting of nuclei_unet, did you mean 'epochs'"),
        ({"segmenters": {"unet": {"generator": "x"}}}, "segmenter unet has generator, which the benchmark sets"),
        ({"segmenters": {"unet": {"classic": False}}}, "segmenter unet has classic, which the benchmark sets"),
        ({"generators": {"a": {"bundle": "nuclei_pix2pix", "settings": {"seed": 3}}}}, "generator a has seed"),
        ({"generators": {"a": {"bundle": "nuclei_pix2pix", "masks": "banks"}}}, "masks"),
        ({"generators": {"a": {"bundle": "nuclei_pix2pix", "writes": "image"}}}, "writes"),
        ({"generators": {"a": {"masks": "bank"}}}, "generator a has no entry 'bundle'"),
        ({"segmenters": {"unet": {"epochs": -1}}}, "epochs of segmenter unet is -1, expected a whole number, 1 or"),
        (
            {"generators": {"a": {"bundle": "nuclei_rflow", "settings": {"iterations_per_epoch": 0}}}},
            "iterations_per_epoch of generator a is 0",
        ),
        (
            {"generators": {"a": {"bundle": "nuclei_pix2pix", "mask_settings": {"scale": "big"}}}},
            "mask_settings of masks bank has scale: 'big', expected a list",
        ),
        (
            {"generators": {"a": {"bundle": "nuclei_pix2pix", "mask_settings": {"density": [2]}}}},
            r"mask_settings of masks bank has density: \[2\], expected a number",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_entries_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        plan(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"datasets": ["nuclei"]}, "a data set of cells is 'nuclei'"),
        ({"arms": ["classics"]}, "an arm is 'classics'"),
        ({"arms": "classic"}, r"cells\[0\] has arms: 'classic', expected a list: write arms: \[classic\]"),
        ({"labelled": []}, "cells have an empty list of labelled"),
        ({"labelled": 4}, r"cells\[0\] has labelled: 4, expected a list: write labelled: \[4\]"),
        ({"shares": ["0.3"]}, "shares has '0.3', expected numbers from 0 to 1"),
        ({"labelled": [-1]}, "an entry of labelled is -1"),
        ({"labelled": [1.5]}, "labelled has 1.5, expected a number of images, a share between 0 and 1, or all"),
        ({"labelled": ["some"]}, "labelled has 'some'"),
        ({"shares": [1.2]}, "an entry of shares is 1.2"),
        ({"generators": ["gan"]}, "a generator of cells is 'gan'"),
        ({"segmenters": ["net"]}, "a segmenter of cells is 'net'"),
        ({"seeds": [-1]}, "an entry of seeds of cells is -1"),
        ({"seed": [1]}, r"cells\[0\] has the unknown entry 'seed', did you mean 'seeds'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_cells_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        plan({"labelled": [2], "arms": ["classic"], "generators": list(GENERATORS), **change})


@pytest.mark.parametrize(
    ("name", "setting", "count"),
    [
        ("nuclei_quick", "short", 9),
        ("nuclei_without_labels", "short", 20),
        ("nuclei_without_labels", "full", 20),
        ("nuclei_full", "short", 430),
        ("nuclei_full", "full", 430),
    ],
)
def test_the_plans_that_are_shipped_are_right(name, setting, count):
    shipped = GridPlan.of(choose_setting(read_plan(PLANS / f"{name}.yaml"), setting))
    assert len(list_cells(shipped)) == count
    assert all(generator.settings.get("epochs") for generator in shipped.generators.values())
