"""What can be set in the comparison of Pix2Pix and CycleGAN."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_genaug.benchmark.paper.plan import MODELS, SHARED, PaperPlan
from monai_genaug.benchmark.plan import choose_setting, read_plan
from monai_genaug.training.bundle import read_configs

SHIPPED = Path(__file__).parents[3] / "benchmarks" / "paper_nucleus.yaml"
ENTRIES = [{"image": f"i{n}.png", "label": f"l{n}.png", "group": "g"} for n in range(3)]


@pytest.mark.parametrize("setting", ["short", "full"])
def test_the_shipped_plan_gives_both_models_one_budget(setting):
    plan = PaperPlan.of(choose_setting(read_plan(SHIPPED), setting))
    plan.check_length(plan.epoch_length(plan.training_images))
    first, second = (plan.overrides(name, images=100) for name in MODELS)
    assert {key: first[key] for key in SHARED} == {key: second[key] for key in SHARED}
    assert first["iterations_per_epoch"] == 100
    for name in ("lambda_mode_seeking", "instance_noise", "label_smoothing", "ema_momentum"):
        assert not first[name]
        assert not second[name]
    assert first["lambda_l1"] == 100
    assert (second["lambda_cycle"], second["lambda_mask"], second["mask_sampler"]) == (10, 0, None)


@pytest.mark.parametrize("part", ["g_optimizer", "d_optimizer", "train#trainer#g_scheduler"])
def test_the_bundles_have_one_kind_of_optimiser_and_schedule(part):
    first, second = (read_configs(model.bundle)[part] for model in MODELS.values())
    assert first == second


def test_the_full_setting_is_the_papers():
    plan = PaperPlan.of(choose_setting(read_plan(SHIPPED), "full"))
    assert (plan.training_images, plan.epochs, plan.batch_size, plan.crop_size) == (100, 200, 1, 256)
    assert plan.published["pix2pix"] == {"jaccard": 0.3012, "dice": 0.4629, "seconds_per_epoch": 38.4}
    assert plan.published["cyclegan"] == {"jaccard": 0.2955, "dice": 0.4562, "seconds_per_epoch": 98.6}


def test_cyclegan_gets_the_same_images_and_masks_without_their_pairs():
    paired, unpaired = (MODELS[name].data(ENTRIES) for name in ("pix2pix", "cyclegan"))
    assert paired["datalist"] == {"training": ENTRIES, "validation": [], "test": []}
    assert unpaired["images"] == [{"image": f"i{n}.png"} for n in range(3)]
    assert unpaired["masks"] == [{"label": f"l{n}.png"} for n in range(3)]


@pytest.mark.parametrize(("images", "batch", "given", "length"), [(10, 4, None, 3), (8, 4, None, 2), (10, 4, 7, 7)])
def test_an_epoch_takes_each_image_once_unless_it_is_set(images, batch, given, length):
    assert PaperPlan(batch_size=batch, iterations_per_epoch=given).epoch_length(images) == length


@pytest.mark.parametrize(
    ("wanted", "epochs"),
    [([1, 149, 151, 300], [1, 2, 3]), ([], [3]), ([100, 400, 9000], [1, 3])],
    ids=["rounded", "none is the end", "late ones at the end"],
)
def test_pictures_are_drawn_at_ends_of_epochs(wanted, epochs):
    assert PaperPlan(epochs=3, picture_iterations=wanted).picture_epochs(100) == epochs


def test_intervals_that_do_not_fit_into_a_training_are_refused():
    with pytest.raises(ValueError, match="intervals is 301, expected at most 300"):
        PaperPlan(epochs=3, intervals=301).check_length(100)


@pytest.mark.parametrize("setting", ["short", "full"])
def test_the_shipped_plan_fits_a_data_set_of_four_images_too(setting):
    plan = PaperPlan.of(choose_setting(read_plan(SHIPPED), setting))
    plan.check_length(plan.epoch_length(4))
    assert plan.picture_epochs(plan.epoch_length(4))[-1] <= plan.epochs


def test_the_short_setting_trains_as_long_on_few_images():
    plan = PaperPlan.of(choose_setting(read_plan(SHIPPED), "short"))
    assert {plan.overrides("pix2pix", images=images)["iterations_per_epoch"] for images in (4, 100)} == {100}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 2}, "unknown entry 'epoch', did you mean 'epochs'"),
        ({"epochs": "many"}, "epochs is 'many', expected a whole number, 1 or more"),
        ({"epochs": None}, "epochs is None"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"crop_size": True}, "crop_size is True"),
        ({"training_images": 0}, "training_images is 0"),
        ({"seeds": 3}, r"seeds is 3, expected a list: write seeds: \[3\]"),
        ({"seeds": []}, "seeds is an empty list"),
        ({"seeds": [1, 1]}, "expected each number once"),
        ({"picture_iterations": [0]}, "an entry of picture_iterations is 0"),
        ({"learning_rate": "2e-4"}, r"write 2e-4 as 0\.0002"),
        ({"learning_rate": 0.0}, "expected a number above 0"),
        ({"nuclei": "red"}, "nuclei is 'red', expected one of 'bright', 'dark'"),
        ({"pix2pix": {"lambda_l2": 1}}, "'lambda_l2' is no setting of nuclei_pix2pix, did you mean 'lambda_l1'"),
        ({"cyclegan": {"lambda_l1": 1}}, "'lambda_l1' is no setting of nuclei_cyclegan"),
        ({"cyclegan": {"epochs": 1}}, "cyclegan has epochs, which must be equal for all that are compared"),
        ({"pix2pix": {"seed": 1}}, "pix2pix has seed, which the benchmark sets"),
        ({"pix2pix": {"g_optimizer#lr": 1.0}}, "pix2pix has g_optimizer#lr, which the benchmark sets"),
        ({"pix2pix": 3}, "pix2pix is 3, expected a mapping"),
        ({"published": {"pixpix": {}}}, "published has the unknown entry 'pixpix', did you mean 'pix2pix'"),
        (
            {"published": {"pix2pix": {"dise": 1}}},
            "published pix2pix has the unknown entry 'dise'",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_entries_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        PaperPlan.of(change)


def test_models_may_be_left_as_their_bundles_are():
    plan = PaperPlan.of({"pix2pix": None, "published": None, "epochs": 1})
    assert (plan.pix2pix, plan.published) == ({}, {})
