"""Tests of ProceduralNuclei: valid instance maps of any size, by the numbers that were asked for."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from scipy import ndimage

from monai_genaug.data import load_datalist, load_items
from monai_genaug.masks.digest import digest_sampler
from monai_genaug.masks.procedural import ProceduralNuclei, load_procedural
from monai_genaug.masks.procedural.populations import Population
from monai_genaug.masks.statistics import ks_distance, measure_labels

EMPTY = np.zeros((1, 160, 160), np.uint16)


def sampled(sampler: ProceduralNuclei, count: int = 6, label: np.ndarray = EMPTY) -> list[np.ndarray]:
    sampler.set_random_state(seed=0)
    return [sampler(label) for _ in range(count)]


@settings(max_examples=40, deadline=None)
@given(
    size=st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple),
    dtype=st.sampled_from(["uint8", "uint16", "int32", "int64", "float32", ">i2"]),
    seed=st.integers(0, 2**32 - 1),
    touching=st.floats(0, 1),
    roughness=st.floats(0, 0.3),
)
def test_any_size_gives_a_valid_instance_map(size, dtype, seed, touching, roughness):
    label = np.zeros((1, *size), dtype)
    sampler = ProceduralNuclei(radius=4.0, touching=touching, roughness=roughness)
    new = sampler.set_random_state(seed=seed)(label)
    assert (new.shape, new.dtype) == (label.shape, label.dtype)
    assert not label.any()
    values = np.unique(new[new > 0])
    assert values.tolist() == list(range(1, len(values) + 1))
    for value in values:
        assert ndimage.label(new[0] == value, structure=np.ones((3,) * len(size)))[1] == 1


def test_nuclei_that_shall_not_touch_have_background_between_them():
    found = measure_labels(sampled(ProceduralNuclei(touching=0.0, radius=6.0)))
    assert len(found.objects.area) > 100
    assert not found.objects.touches.any()


def test_all_nuclei_touch_where_all_shall():
    found = measure_labels(sampled(ProceduralNuclei(touching=1.0, radius=6.0)))
    assert len(found.objects.area) > 100
    assert found.objects.touches.mean() > 0.97


def test_the_border_cuts_nuclei():
    found = measure_labels(sampled(ProceduralNuclei()))
    assert 0.05 < found.objects.cut.mean() < 0.6


def test_the_coverage_is_what_was_asked_for():
    maps = sampled(ProceduralNuclei(coverage=0.12, radius=6.0, jitter=0.0), 10)
    assert np.mean([(label > 0).mean() for label in maps]) == pytest.approx(0.12, rel=0.12)


def test_no_coverage_gives_an_empty_map():
    assert not any(label.any() for label in sampled(ProceduralNuclei(coverage=0.0)))


def test_too_crowded_maps_end_with_fewer_nuclei():
    maps = sampled(ProceduralNuclei(coverage=1.0, radius=6.0, touching=0.5), 2)
    assert all(0.3 < (label > 0).mean() < 0.95 for label in maps)


def test_small_nuclei_are_drawn_more_often():
    plain, small = (
        measure_labels(sampled(ProceduralNuclei(radius_spread=0.3, jitter=0.0, small=share))).objects
        for share in (0.0, 0.8)
    )
    limit = np.quantile(plain.area[~plain.cut], 0.25)
    assert (small.area[~small.cut] < limit).mean() > 0.65


def test_the_label_gives_size_and_type_alone():
    label = np.full((1, 48, 64), 7, np.int32)
    new = ProceduralNuclei().set_random_state(seed=3)(label)
    np.testing.assert_array_equal(new, ProceduralNuclei().set_random_state(seed=3)(np.zeros_like(label)))
    assert (label == 7).all()


def test_a_metatensor_keeps_its_metadata():
    label = MetaTensor(torch.zeros(1, 48, 64), affine=2 * torch.eye(4), meta={"case": "a"})
    new = ProceduralNuclei().set_random_state(seed=0)(label)
    assert isinstance(new, MetaTensor)
    assert torch.equal(new.affine, label.affine)
    assert new.meta["case"] == "a"


def test_a_volume_of_one_slice_gets_what_a_plane_gets():
    plane = ProceduralNuclei().set_random_state(seed=0)(np.zeros((1, 64, 80), np.int32))
    volume = ProceduralNuclei().set_random_state(seed=0)(np.zeros((1, 64, 80, 1), np.int32))
    np.testing.assert_array_equal(volume[..., 0], plane)


def test_result_depends_on_the_seed_alone():
    used = ProceduralNuclei().set_random_state(seed=1)
    used(np.zeros((1, 20, 31, 9), np.int32))
    state = np.random.get_state()[1].copy()
    again = used.set_random_state(seed=5)(EMPTY)
    np.testing.assert_array_equal(again, ProceduralNuclei().set_random_state(seed=5)(EMPTY))
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert (again != used(EMPTY)).any()


def test_result_is_equal_in_another_process_after_pickling():
    sampler = ProceduralNuclei()
    code = (
        "import pickle, sys, zlib; sampler, label = pickle.loads(sys.stdin.buffer.read());"
        "print(zlib.crc32(sampler.set_random_state(11)(label).tobytes()))"
    )
    sent = pickle.dumps((sampler, EMPTY))
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    assert int(done.stdout) == zlib.crc32(sampler.set_random_state(11)(EMPTY).tobytes())


def test_fitted_maps_follow_one_population_at_a_time():
    few, many = Population(coverage=0.05, radius=14.0), Population(coverage=0.25, radius=5.0, touching=0.5)
    labels = [sampled(ProceduralNuclei.from_populations([p], jitter=0.0), 1)[0] for p in (few, many)]
    found = measure_labels(sampled(ProceduralNuclei.fit(labels), 30))
    sizes = np.array([np.median(found.objects.area[found.objects.image == i]) for i in range(30)])
    large = sizes > 300
    assert 5 < large.sum() < 25
    assert found.images.count[large].max() < found.images.count[~large].min()


def test_fitted_maps_vary_around_the_populations():
    fitted = ProceduralNuclei.fit([sampled(ProceduralNuclei(radius=5.0), 1)[0]])
    counts = measure_labels(sampled(fitted, 30)).images.count
    assert 0.1 < counts.std() / counts.mean() < 0.5


def test_fitted_maps_are_empty_as_often_as_training_maps():
    fitted = ProceduralNuclei.fit([sampled(ProceduralNuclei(radius=5.0), 1)[0], EMPTY])
    assert 8 < sum(not label.any() for label in sampled(fitted, 30)) < 22


@pytest.mark.parametrize("touching", [0.0, 0.7])
def test_touching_can_be_set_for_all_populations(touching):
    fitted = ProceduralNuclei.fit(sampled(ProceduralNuclei(radius=6.0), 3), touching=touching, jitter=0.0)
    assert np.mean(measure_labels(sampled(fitted, 8)).images.touching) == pytest.approx(touching, abs=0.06)


def test_density_changes_the_number_of_nuclei():
    labels = sampled(ProceduralNuclei(radius=5.0, coverage=0.1), 1)
    once, twice = (sampled(ProceduralNuclei.fit(labels, density=d, jitter=0.0), 8) for d in (1.0, 2.0))
    ratio = sum(label.max() for label in twice) / sum(label.max() for label in once)
    assert ratio == pytest.approx(2.0, rel=0.12)


def test_a_sampler_of_planes_refuses_volumes():
    fitted = ProceduralNuclei.fit(sampled(ProceduralNuclei(), 1))
    with pytest.raises(ValueError, match="label has 3 spatial dimensions, the sampler was fitted to 2"):
        fitted(np.zeros((1, 16, 16, 16), np.int32))


def test_a_type_without_room_for_the_numbers_is_refused():
    with pytest.raises(ValueError, match=r"dtype torch\.uint8"):
        ProceduralNuclei(radius=2.0, coverage=0.4).set_random_state(seed=0)(np.zeros((1, 128, 128), np.uint8))


def test_labels_without_nuclei_are_refused():
    with pytest.raises(ValueError, match="none of the 1 labels holds an object"):
        ProceduralNuclei.fit([EMPTY])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"density": 0.0}, "density is 0.0, expected a factor above 0"),
        ({"density": float("nan")}, "density is nan"),
        ({"jitter": 1.5}, "jitter is 1.5"),
        ({"small": -0.1}, "small is -0.1"),
        ({"touching": 2.0}, "touching is 2.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ProceduralNuclei.from_populations([Population()], **settings)


def test_no_population_is_refused():
    with pytest.raises(ValueError, match="populations is empty"):
        ProceduralNuclei.from_populations([])


def test_a_saved_sampler_gives_the_same_maps(tmp_path: Path):
    fitted = ProceduralNuclei.fit(sampled(ProceduralNuclei(), 2), small=0.3, jitter=0.1)
    fitted.save(tmp_path / "nuclei.json")
    again = load_procedural(tmp_path / "nuclei.json")
    assert (again.populations, again.spatial_dims) == (fitted.populations, 2)
    assert digest_sampler(again) == digest_sampler(fitted)
    for one, other in zip(sampled(fitted), sampled(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_settings_replace_the_saved_ones(tmp_path: Path):
    ProceduralNuclei(small=0.3).save(tmp_path / "nuclei.json")
    again = load_procedural(tmp_path / "nuclei.json", small=0.0, touching=0.9)
    assert (again.small, again.populations[0].touching) == (0.0, 0.9)


def test_a_configuration_builds_a_saved_sampler(tmp_path: Path):
    ProceduralNuclei(radius=5.5).save(tmp_path / "nuclei.json")
    target = "monai_genaug.masks.procedural.load_procedural"
    config = ConfigParser({"sampler": {"_target_": target, "path": str(tmp_path / "nuclei.json"), "density": 0.5}})
    assert config.get_parsed_content("sampler").populations[0].coverage == pytest.approx(0.075)


@pytest.mark.parametrize("wrong", [{"jitter": 3.0}, {"jitter": "much"}, {"speed": 1}], ids=str)
def test_damaged_settings_are_named(tmp_path: Path, wrong):
    ProceduralNuclei().save(tmp_path / "nuclei.json")
    content = json.loads((tmp_path / "nuclei.json").read_text())
    content["settings"].update(wrong)
    (tmp_path / "nuclei.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"nuclei\.json holds settings that cannot be .*fit the sampler again"):
        load_procedural(tmp_path / "nuclei.json")


def test_maps_fitted_to_real_nuclei_follow_the_validation_labels(real_data):
    splits = load_datalist(real_data("dsb2018_fluorescence"))
    train, real = ([item["label"] for item in load_items(splits[name])] for name in ("training", "validation"))
    made = measure_labels(sampled(ProceduralNuclei.fit(train), 90, real[0].numpy()))
    wanted = measure_labels(real)
    for name in ("area", "eccentricity"):
        assert ks_distance(getattr(made.objects, name), getattr(wanted.objects, name)) < 0.2
    for name in ("count", "touching"):
        assert ks_distance(getattr(made.images, name), getattr(wanted.images, name)) < 0.25
