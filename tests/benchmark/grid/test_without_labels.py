"""A data set of which no image is labelled: masks of another, pairs written ahead, a baseline of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from monai_genaug.benchmark.grid import recipes
from monai_genaug.benchmark.grid.block import Block, Dataset
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.plan import GridPlan
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.benchmark.grid.trained import find_generator, find_pairs, find_segmenter
from monai_genaug.benchmark.grid.views import inverted_grey
from monai_genaug.benchmark.plan import choose_setting
from monai_genaug.data import load_datalist, load_items
from monai_genaug.generators.folders import digest_generator
from monai_genaug.masks.bank import load_bank
from monai_genaug.phantoms import write_nuclei_dataset
from tests.benchmark.grid.conftest import CYCLEGAN, GENERATORS, content
from tests.benchmark.grid.test_recipes import files
from tests.benchmark.grid.test_run import cells_of, run

CYCLE = {
    "bundle": "nuclei_cyclegan",
    "unlabelled": True,
    "masks": "bank",
    "mask_settings": {"scale": [1.0, 1.5]},
    "pairs": 5,
    "settings": CYCLEGAN,
}
DATASETS = {
    "phantoms": "data",
    "stained": {"path": "stained", "source": "phantoms", "view": "inverted_grey"},
}
CHANGES: dict[str, Any] = {"datasets": DATASETS, "generators": {**GENERATORS, "cycle": CYCLE}}
CELLS = {"datasets": ["stained"], "labelled": [0], "arms": ["source", "synthetic_only"], "generators": ["cycle"]}


@pytest.fixture
def root(root: Path) -> Path:
    """Beside `phantoms`, `stained`: dark objects on a bright ground, in colour."""
    write_nuclei_dataset(root / "stained", counts={"training": 4, "test": 2}, spatial_size=(32, 32), seed=7)
    for file in (root / "stained/images").iterdir():
        grey = 255 - np.asarray(Image.open(file)) // 2
        Image.fromarray(np.stack([grey, grey // 2, grey], axis=-1)).save(file)
    return root


def open_kitchen(root: Path, out: Path, **changes: Any) -> Kitchen:
    plan = GridPlan.of(choose_setting(content(CELLS, **{**CHANGES, **changes}), "short"))
    data = {name: Dataset(name, entry, root) for name, entry in plan.datasets.items()}
    return Kitchen(plan, Block(data["stained"], 0, 0, out, data["phantoms"]), "cpu", lambda title: None)


def cell(arm: str) -> Cell:
    generator, share = (None, 0.0) if arm == "source" else ("cycle", 1.0)
    return Cell("stained", 0, 0, "unet", arm, generator, share)


def plan(cells: dict[str, Any] | None = None, **changes: Any) -> GridPlan:
    return GridPlan.of(choose_setting(content({**CELLS, **(cells or {})}, **{**CHANGES, **changes}), "short"))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"arms": ["classic"]}, "an arm of cells with labelled 0 is 'classic'"),
        ({"datasets": ["phantoms"]}, "labelled 0, but data set phantoms has no source of labels"),
        ({"labelled": [2], "arms": ["source"]}, "the arm source with labelled 2, expected 0"),
        *(
            ({"generators": [name]}, f"generator {name} needs labelled images")
            for name in ("pix2pix", "unlabelled", "edits")
        ),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_cells_that_need_a_labelled_image_are_refused(cells, message):
    with pytest.raises(ValueError, match=message):
        plan(cells)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unlabelled": False}, "generator cycle needs labelled images"),
        ({"mask_settings": {"scales": 2}}, "unknown entry 'scales', did you mean 'scale'"),
        ({"mask_settings": {"binary": True}}, "unknown entry 'binary'"),
        ({"masks": "deformation", "mask_settings": {}}, "bends labels that are not there"),
        ({"pairs": 0}, "pairs is 0, expected a whole number, 1 or more"),
    ],
)
def test_generators_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        plan(generators={"cycle": {**CYCLE, **change}})


@pytest.mark.parametrize("source", ["nowhere", "stained"])
def test_a_source_is_another_data_set_of_the_plan(source):
    with pytest.raises(ValueError, match=f"data set stained has the source {source!r}, expected another data set"):
        plan(datasets={**DATASETS, "stained": {"path": "stained", "source": source}})


def test_a_view_is_one_of_those_that_there_are():
    with pytest.raises(ValueError, match="view is 'negative', expected one of 'same', 'inverted_grey'"):
        plan(datasets={**DATASETS, "stained": {"path": "stained", "source": "phantoms", "view": "negative"}})


def test_a_view_without_a_source_is_refused():
    with pytest.raises(ValueError, match="has the view inverted_grey but no source"):
        plan(datasets={**DATASETS, "stained": {"path": "stained", "view": "inverted_grey"}})


def test_a_source_of_other_dimensions_is_refused(root, tmp_path):
    write_nuclei_dataset(root / "volumes", counts={"training": 1, "test": 1}, spatial_size=(16, 16, 16))
    volumes = {"phantoms": "volumes", "stained": {"path": "stained", "source": "phantoms"}}
    with pytest.raises(ValueError, match="but phantoms holds images of 3 dimensions"):
        run(root, tmp_path / "out", CELLS, changes={**CHANGES, "datasets": volumes})


def test_the_share_of_pairs_that_gates_gave_is_told_after_an_interruption_too(root, tmp_path):
    changes = {"generators": {"cycle": {**CYCLE, "least_dice": 0.0}}}
    open_kitchen(root, tmp_path, **changes).segmenter(cell("synthetic_only"))
    again = open_kitchen(root, tmp_path, **changes)
    folder = again.segmenter_folder(cell("synthetic_only")) / "pairs/dataset.json"
    content = json.loads(folder.read_text())
    folder.write_text(json.dumps({**content, "training": content["training"][:2]}))
    again._pairs(cell("synthetic_only"))
    assert again.acceptance(cell("synthetic_only")) == (None, 2 / CYCLE["pairs"])


def test_a_block_without_labels_and_without_a_source_is_refused(root, tmp_path):
    dataset = Dataset("stained", plan().datasets["stained"], root)
    with pytest.raises(ValueError, match=r"no image of .*stained is labelled, expected a source"):
        Block(dataset, 0, 0, tmp_path)


def test_a_source_that_holds_an_image_of_the_data_set_is_refused(root, tmp_path):
    [test] = load_datalist(root / "stained")["test"][:1]
    first = load_datalist(root / "data")["training"][0]
    Path(first["image"]).write_bytes(Path(test["image"]).read_bytes())
    with pytest.raises(ValueError, match="is a training image of the source phantoms and an image of stained too"):
        run(root, tmp_path / "out", CELLS, changes=CHANGES)


def test_generator_and_segmenter_see_no_label_of_the_data_set_and_no_test_image(root, tmp_path, monkeypatch):
    seen: dict[str, set[str]] = {}
    real_bundle, real_segmenter = recipes.train_bundle, recipes.train_segmenter

    def bundle(name: str, overrides: dict[str, Any], **kwargs: Any) -> Any:
        seen["generator"] = files(overrides)
        return real_bundle(name, overrides, **kwargs)

    def segmenter(entries: Any, settings: dict[str, Any], **kwargs: Any) -> Any:
        seen["segmenter"] = files([dict(entry) for entry in entries]) | files(settings)
        return real_segmenter(entries, settings, **kwargs)

    monkeypatch.setattr(recipes, "train_bundle", bundle)
    monkeypatch.setattr(recipes, "train_segmenter", segmenter)
    kitchen = open_kitchen(root, tmp_path / "out")
    kitchen.segmenter(cell("synthetic_only"))
    stained = load_datalist(root / "stained")
    assert seen["generator"] == {entry["image"] for entry in stained["training"]}
    assert all("/pairs/" in file for file in seen["segmenter"])
    assert len(seen["segmenter"]) == 2 * CYCLE["pairs"]
    kitchen.segmenter(cell("source"))
    phantoms = load_datalist(root / "data")["training"]
    assert seen["segmenter"] == {entry[key] for entry in phantoms for key in ("image", "label")}


def test_masks_are_of_all_training_labels_of_the_source(root, tmp_path):
    block = open_kitchen(root, tmp_path).block
    labels = [item["label"] for item in load_items(load_datalist(root / "data")["training"])]
    areas = sorted(int((label == value).sum()) for label in labels for value in label.unique() if value)
    assert sorted(load_bank(block.bank).store.areas.tolist()) == areas
    assert block.items == []


def test_mask_settings_reach_the_sampler(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    assert kitchen.block.sampler(kitchen.plan.generators["cycle"])["scale"] == [1.0, 1.5]


def test_the_network_of_the_source_is_shown_the_images_as_it_knows_them(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    trained = kitchen.segmenter(cell("source"))
    image = kitchen.block.dataset.test[0]["image"]
    plain = trained._replace(view=None)
    assert image.shape[0] == 3
    assert torch.equal(trained.predict(image), plain.predict(inverted_grey(image)))
    found = find_segmenter(kitchen, cell("source"))
    assert found is not None
    assert torch.equal(found.predict(image), trained.predict(image))
    assert kitchen.segmenter(cell("synthetic_only")).view is None


def test_pairs_are_found_with_their_generator(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    kitchen.segmenter(cell("synthetic_only"))
    made = kitchen.generator("cycle", "unet").folder
    pairs = find_pairs(kitchen, cell("synthetic_only"))
    assert {pair["generator"] for pair in pairs} == {digest_generator(made)}
    assert find_generator(kitchen, cell("synthetic_only")) is not None
    assert find_pairs(kitchen, cell("source")) == []


def test_copies_of_images_without_labels_are_refused_too(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path, generators={"cycle": {**CYCLE, "least_distance": 0.1}})
    gate = kitchen._gate(cell("synthetic_only"), kitchen.plan.generators["cycle"])
    assert gate is not None
    image = load_items(load_datalist(root / "stained")["training"])[0]["image"][None]
    assert not gate(image, torch.ones(1, 1, 32, 32)).item()


def test_pairs_in_which_the_network_of_the_source_does_not_find_the_mask_are_refused(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path, generators={"cycle": {**CYCLE, "least_dice": 1.0}})
    with pytest.raises(ValueError, match="the gates let none of 5 synthetic pairs through"):
        kitchen.segmenter(cell("synthetic_only"))


def test_the_network_of_the_source_judges_masks(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path, generators={"cycle": {**CYCLE, "least_dice": 0.8}})
    gate = kitchen._gate(cell("synthetic_only"), kitchen.plan.generators["cycle"])
    image = kitchen.block.dataset.test[0]["image"]
    found = kitchen.baseline("unet").predict(image)
    assert gate is not None
    assert gate(image[None], found[None].long()).item()
    assert not gate(image[None], (~found)[None].long()).item()


def test_keys_tell_apart_views_sources_and_mask_settings(root, tmp_path):
    stained = {"path": "stained", "source": "phantoms"}
    milder = {**CYCLE, "mask_settings": {"scale": [1.0, 1.2]}}
    base, viewed, masked = (
        open_kitchen(root, tmp_path, **changes)
        for changes in ({}, {"datasets": {**DATASETS, "stained": stained}}, {"generators": {"cycle": milder}})
    )
    assert viewed.key(cell("source")) != base.key(cell("source"))
    assert viewed.key(cell("synthetic_only")) == base.key(cell("synthetic_only"))
    assert masked.key(cell("synthetic_only")) != base.key(cell("synthetic_only"))
    label = next((root / "data/labels").glob("training*"))
    Image.fromarray(np.asarray(Image.open(label)).copy() + 1).save(label)
    changed = open_kitchen(root, tmp_path)
    assert all(changed.key(cell(arm)) != base.key(cell(arm)) for arm in CELLS["arms"])


def test_a_grid_without_labels_is_compared_with_the_source_and_with_all_labels(root, tmp_path):
    labelled = {"datasets": ["stained"], "labelled": ["all"], "arms": ["classic"]}
    done = run(root, tmp_path / "out", CELLS, labelled, changes=CHANGES)
    assert done.failures == []
    before = cells_of(done.folder)
    assert sorted(len(json.loads(text)["labelled"]) for text in before.values()) == [0, 0, 4]
    [without, _] = done.tables
    assert without.title == "stained, 0 labelled images, unet"
    assert without.columns[3] == "over source"
    assert [row[0] for row in without.rows] == ["source", "synthetic_only, cycle"]
    page = (done.folder / "report.html").read_text()
    assert "differs by" in page
    assert "of classic with 4 labelled images" in page
    assert "Trained with images without labels and with masks of phantoms, seed 0." in page
    assert "masks are of the 6 labels of phantoms" in page
    again = run(root, tmp_path / "out", CELLS, labelled, changes=CHANGES)
    assert cells_of(again.folder) == before
