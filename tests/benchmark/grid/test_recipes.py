"""What each arm trains, and what it gets to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from monai.inferers import SimpleInferer

from monai_genaug.benchmark.grid import recipes
from monai_genaug.benchmark.grid.block import Block, Dataset
from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.plan import ARMS, GridPlan
from monai_genaug.benchmark.grid.recipes import Kitchen
from monai_genaug.benchmark.plan import choose_setting
from monai_genaug.generators import load_generator
from monai_genaug.training.segmenter import Segmenter
from tests.benchmark.grid.conftest import GENERATORS, content

AUGMENTATION = {"classic", "generator", "genaug_prob", "mask_sampler", "accept", "train#generative_transforms"}


@pytest.fixture
def kitchen(root: Path, tmp_path: Path) -> Kitchen:
    return open_kitchen(root, tmp_path)


def open_kitchen(root: Path, tmp_path: Path, *, labelled: int = 2, seed: int = 0, **changes: Any) -> Kitchen:
    plan = GridPlan.of(choose_setting(content(**changes), "short"))
    dataset = Dataset("phantoms", plan.datasets["phantoms"], root)
    return Kitchen(plan, Block(dataset, labelled, seed, tmp_path / "out"), "cpu", lambda title: None)


def cell(arm: str, generator: str | None = None, share: float = 0.3, seed: int = 0) -> Cell:
    return Cell("phantoms", 2, seed, "unet", arm, generator, share)


def files(value: Any) -> set[str]:
    """All paths of images and labels in the settings of a training."""
    if isinstance(value, dict):
        return set().union(*map(files, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(files, value))
    return {value} if isinstance(value, str) and value.endswith(".png") else set()


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_sees_the_labelled_images_alone_and_of_others_no_label(kitchen, monkeypatch, name):
    seen: list[set[str]] = []
    real = recipes.train_bundle

    def spy(bundle: str, overrides: dict[str, Any], **kwargs: Any) -> Any:
        seen.append(files(overrides))
        return real(bundle, overrides, **kwargs)

    monkeypatch.setattr(recipes, "train_bundle", spy)
    made = kitchen.generator(name, "unet")
    assert load_generator(made.folder).image_channels == 1
    block = kitchen.block
    labelled = {entry[key] for entry in block.labelled for key in ("image", "label")}
    images = {entry["image"] for entry in block.unlabelled}
    [found] = seen
    if kitchen.plan.generators[name].unlabelled:
        assert found == labelled | images
    else:
        assert found == labelled


def test_a_generator_that_writes_elsewhere_is_trained_once(kitchen, monkeypatch):
    plain = kitchen.generator("pix2pix", "unet").folder
    monkeypatch.setattr(kitchen, "tell", lambda title: lambda *_: pytest.fail(f"{title} is trained again"))
    edits = kitchen.generator("edits", "unet").folder
    assert plain != edits
    weights = [load_generator(folder).state_dict() for folder in (plain, edits)]
    assert all((weights[0][key] == weights[1][f"generator.{key}"]).all() for key in weights[0])


def test_arms_differ_in_the_augmentation_alone(kitchen, monkeypatch):
    given: list[dict[str, Any]] = []

    def spy(entries: Any, settings: dict[str, Any], **kwargs: Any) -> Segmenter:
        given.append({"entries": entries, **settings, "seed": kwargs["seed"], "device": kwargs["device"]})
        return Segmenter(torch.nn.Identity(), SimpleInferer())

    monkeypatch.setattr(recipes, "train_segmenter", spy)
    arms = {name: arm for name, arm in ARMS.items() if not arm.foreign}
    for name, arm in arms.items():
        kitchen.segmenter(cell(name, "pix2pix" if arm.synthetic else None))
    assert all("/pairs/" in entry["image"] for entry in given[list(arms).index("synthetic_only")].pop("entries"))
    assert all(one.get("entries", kitchen.block.labelled) == kitchen.block.labelled for one in given)
    apart = {*AUGMENTATION, "entries"}
    kept = [{key: value for key, value in one.items() if key not in apart} for one in given]
    assert all(one == kept[0] for one in kept)
    assert [one["classic"] for one in given] == [arm.classic for arm in arms.values()]


@pytest.mark.parametrize("name", ["pix2pix", "edits", "backgrounds"])
def test_synthetic_only_sees_pairs_that_were_written_ahead_and_no_real_image(kitchen, monkeypatch, name):
    seen: list[Any] = []
    real = recipes.train_segmenter

    def spy(entries: Any, settings: dict[str, Any], **kwargs: Any) -> Segmenter:
        seen.append((entries, settings))
        return real(entries, settings, **kwargs)

    kitchen.generator(name, "unet")
    monkeypatch.setattr(recipes, "train_segmenter", spy)
    kitchen.segmenter(cell("synthetic_only", name, 1.0))
    [(entries, settings)] = seen
    assert len(entries) == kitchen.plan.generators[name].pairs
    assert all("/pairs/" in entry[key] for entry in entries for key in ("image", "label"))
    assert "generator" not in settings


@pytest.mark.parametrize("arm", ["none", "classic", "copy_paste", "classic+genaug"])
def test_each_arm_trains(kitchen, arm):
    segmenter = kitchen.segmenter(cell(arm, "pix2pix" if ARMS[arm].synthetic else None))
    assert segmenter.predict(kitchen.block.items[0]["image"]).shape == (1, 32, 32)
    assert segmenter.seconds > 0


@pytest.mark.parametrize("name", GENERATORS)
def test_where_all_images_are_labelled_each_generator_trains(root, tmp_path, name):
    made = open_kitchen(root, tmp_path, labelled=6).generator(name, "unet")
    assert load_generator(made.folder).image_channels == 1


def test_backgrounds_are_of_images_with_and_without_labels(kitchen):
    generator = load_generator(kitchen.generator("backgrounds", "unet").folder)
    assert len(generator.backgrounds.images) == len(kitchen.block.dataset.training)


def test_keys_tell_apart_what_determines_the_scores(root, tmp_path):
    kitchen = open_kitchen(root, tmp_path)
    own = kitchen.key(cell("classic+genaug", "pix2pix"))
    settings = GENERATORS["pix2pix"]["settings"]
    others = [
        kitchen.key(cell("classic")),
        kitchen.key(cell("genaug", "pix2pix")),
        kitchen.key(cell("classic+genaug", "edits")),
        kitchen.key(cell("classic+genaug", "pix2pix", share=0.5)),
        open_kitchen(root, tmp_path, seed=1).key(cell("classic+genaug", "pix2pix", seed=1)),
        open_kitchen(root, tmp_path, labelled=3).key(cell("classic+genaug", "pix2pix")),
        open_kitchen(root, tmp_path, tolerance=3.0).key(cell("classic+genaug", "pix2pix")),
        open_kitchen(root, tmp_path, segmenters={"unet": {"epochs": 3}}).key(cell("classic+genaug", "pix2pix")),
        open_kitchen(
            root,
            tmp_path,
            generators={"pix2pix": {"bundle": "nuclei_pix2pix", "settings": {**settings, "epochs": 3}}},
        ).key(cell("classic+genaug", "pix2pix")),
    ]
    assert len({own, *others}) == 1 + len(others)


@pytest.mark.parametrize(("name", "hangs"), [("pix2pix", False), ("unlabelled", True), ("backgrounds", True)])
def test_keys_hang_on_images_without_labels_where_these_are_seen(root, tmp_path, name, hangs):
    keys = set()
    for count in (4, 3):
        kitchen = open_kitchen(root, tmp_path)
        kitchen.block.unlabelled = kitchen.block.unlabelled[:count]
        keys.add(kitchen.key(cell("classic+genaug", name)))
    assert (len(keys) == 2) == hangs


def test_keys_do_not_hang_on_names_places_or_other_generators(root, tmp_path):
    generators = {"mine": GENERATORS["pix2pix"], **GENERATORS}
    moved = open_kitchen(root.rename(tmp_path / "moved"), tmp_path / "elsewhere", generators=generators)
    key = moved.key(cell("classic+genaug", "mine"))
    (tmp_path / "moved").rename(root)
    assert key == open_kitchen(root, tmp_path).key(cell("classic+genaug", "pix2pix"))


def test_where_a_gate_refuses_all_the_segmenter_is_that_of_the_baseline(root, tmp_path):
    strict = {**GENERATORS["pix2pix"], "least_dice": 1.0}
    kitchen = open_kitchen(root, tmp_path, generators={**GENERATORS, "pix2pix": strict})
    gated = kitchen.segmenter(cell("classic+genaug", "pix2pix", share=0.9)).network.state_dict()
    plain = kitchen.segmenter(cell("classic")).network.state_dict()
    open_one = open_kitchen(root, tmp_path).segmenter(cell("classic+genaug", "pix2pix", share=0.9)).network.state_dict()
    assert all(torch.equal(gated[name], plain[name]) for name in plain)
    assert not all(torch.equal(open_one[name], plain[name]) for name in plain)
    assert kitchen.acceptance(cell("classic+genaug", "pix2pix", share=0.9)) == (0.0, 0.0)
    assert kitchen.acceptance(cell("classic")) == (None, None)


def test_copies_are_refused_by_their_distance_to_the_labelled_images(root, tmp_path):
    recipe = {**GENERATORS["pix2pix"], "least_distance": 0.1}
    kitchen = open_kitchen(root, tmp_path, generators={**GENERATORS, "pix2pix": recipe})
    gate = kitchen.augmentation(cell("classic+genaug", "pix2pix"))["accept"]
    item = kitchen.block.items[0]
    assert not gate(item["image"][None], item["label"][None]).item()
