"""Tests of LabelDeformation: what it keeps, what it changes, what it refuses."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from PIL import Image
from scipy import ndimage

from monai_genaug.masks.deformation import LabelDeformation, _sample_nearest, _spline_weights

OFF = {"rotate": 0.0, "scale": (1.0, 1.0), "elastic": 0.0, "flip": 0.0}


def grid_label(size: tuple[int, ...], period: int = 12, gap: int = 3) -> np.ndarray:
    """Squares (or cubes) on a lattice, numbered from 1."""
    axes = np.indices(size)
    inside = (axes % period < period - gap).all(axis=0)
    order = np.ravel_multi_index(tuple(axes // period), [n // period + 1 for n in size]) + 1
    return np.where(inside, order, 0)[None].astype(np.uint16)


def components(label: np.ndarray) -> dict[int, int]:
    """Number of connected pieces of each value."""
    neighbours = np.ones((3,) * label.ndim)
    return {int(v): ndimage.label(label == v, structure=neighbours)[1] for v in np.unique(label) if v}


@settings(max_examples=40, deadline=None)
@given(
    size=st.lists(st.integers(1, 24), min_size=2, max_size=3).map(tuple),
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64", ">i2"]),
    seed=st.integers(0, 2**63 - 1),
    padding_mode=st.sampled_from(["reflection", "zeros"]),
)
def test_keeps_shape_dtype_and_classes_of_any_array(size, dtype, seed, padding_mode):
    label = grid_label(size, period=6, gap=2).astype(dtype)
    before = label.copy()
    sampler = LabelDeformation(spacing=8, padding_mode=padding_mode, instances=False)
    new = sampler.set_random_state(seed)(label)
    assert (new.shape, new.dtype) == (label.shape, label.dtype)
    assert set(np.unique(new)) <= {0, *np.unique(label)}
    np.testing.assert_array_equal(label, before)


@settings(max_examples=25, deadline=None)
@given(size=st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple), seed=st.integers(0, 2**32))
def test_every_instance_is_one_connected_region(size, seed):
    new = LabelDeformation(instances=True, spacing=6, elastic=0.99).set_random_state(seed)(grid_label(size))[0]
    assert set(components(new).values()) <= {1}


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.uint16, torch.int64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
def test_torch_and_numpy_agree_in_every_dtype(dtype):
    label = grid_label((40, 30))
    expected = LabelDeformation().set_random_state(5)(label)
    new = LabelDeformation().set_random_state(5)(torch.from_numpy(label).to(dtype))
    assert type(new) is torch.Tensor
    assert new.dtype == dtype
    np.testing.assert_array_equal(new.to(torch.int64).numpy(), expected)


def test_metatensor_keeps_its_metadata():
    affine = torch.diag(torch.tensor([2.0, 3.0, 1.0, 1.0], dtype=torch.float64))
    label = MetaTensor(torch.from_numpy(grid_label((20, 24)).astype(np.float32)), affine=affine, meta={"case": "a7"})
    label.applied_operations = [{"class": "Flip", "id": 1}]
    new = LabelDeformation().set_random_state(0)(label)
    assert isinstance(new, MetaTensor)
    assert new.dtype == torch.float32
    assert torch.equal(new.affine, affine)
    assert new.meta["case"] == "a7"
    assert new.applied_operations == [{"class": "Flip", "id": 1}]


@pytest.mark.parametrize("make", [lambda a: a[:, ::-1], np.asfortranarray], ids=["reversed", "fortran"])
def test_memory_layout_does_not_matter(make):
    label = make(grid_label((30, 40)))
    expected = LabelDeformation().set_random_state(3)(label.copy(order="C"))
    np.testing.assert_array_equal(LabelDeformation().set_random_state(3)(label), expected)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int64])
def test_largest_sixteen_bit_value_is_kept(dtype):
    label = np.full((1, 16, 16), 65535, dtype=dtype)
    new = LabelDeformation().set_random_state(0)(label)
    assert np.unique(new).tolist() == [65535]


def test_values_beyond_float32_are_kept():
    label = torch.full((1, 9, 9), 2**24 + 1, dtype=torch.int64)
    assert torch.equal(LabelDeformation().set_random_state(0)(label), label)


@pytest.mark.parametrize("size", [(33, 50), (9, 20, 14), (1, 7), (24, 24, 1)])
def test_is_the_identity_when_all_is_off(size):
    label = grid_label(size)
    np.testing.assert_array_equal(LabelDeformation(**OFF).set_random_state(0)(label), label)


def test_certain_flip_mirrors_every_axis():
    label = grid_label((33, 50))
    new = LabelDeformation(**{**OFF, "flip": 1.0}).set_random_state(0)(label)
    np.testing.assert_array_equal(new, label[:, ::-1, ::-1])


def test_result_depends_on_label_and_seed_alone():
    label = grid_label((48, 48))
    used = LabelDeformation().set_random_state(1)
    for _ in range(3):
        used(grid_label((20, 31)))
    np.random.seed(7)
    again = used.set_random_state(42)(label)
    np.random.seed(8)
    np.testing.assert_array_equal(again, LabelDeformation().set_random_state(42)(label))


def test_seeds_give_different_masks():
    label = grid_label((48, 48))
    masks = {LabelDeformation().set_random_state(seed)(label).tobytes() for seed in range(20)}
    assert len(masks) == 20


def test_result_is_equal_in_another_process():
    sampler = LabelDeformation()
    code = (
        "import pickle, sys, zlib; sampler, label = pickle.loads(sys.stdin.buffer.read());"
        "print(zlib.crc32(sampler.set_random_state(11)(label).tobytes()))"
    )
    label = grid_label((48, 40))
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps((sampler, label)), capture_output=True, check=True
    )
    assert int(done.stdout) == zlib.crc32(sampler.set_random_state(11)(label).tobytes())


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    LabelDeformation().set_random_state(0)(grid_label((16, 16)))
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_foreground_share_is_kept_on_average():
    label = grid_label((64, 96))
    shares = [(LabelDeformation().set_random_state(seed)(label) > 0).mean() for seed in range(60)]
    assert np.mean(shares) == pytest.approx((label > 0).mean(), rel=0.05)


def test_quarter_turn_of_a_non_square_label_has_no_shear():
    label = np.zeros((1, 40, 80), np.uint16)
    label[:, 18:22, 30:50] = 1  # a bar of 4 x 20 around the centre
    sampler = LabelDeformation(**OFF)
    sampler.randomize((40, 80))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    sampler._matrix = turn
    new = _sample_nearest(label[0].astype(np.int64), sampler._coordinates((40, 80)), "zeros")
    rows, columns = np.nonzero(new)
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 == 4


@pytest.mark.parametrize(("scale", "factor"), [(2.0, 2.0), (0.5, 0.5)])
def test_scale_above_one_makes_objects_larger(scale, factor):
    label = np.zeros((1, 64, 64), np.uint8)
    label[:, 24:40, 24:40] = 1
    new = LabelDeformation(**{**OFF, "scale": (scale, scale)}, padding_mode="zeros").set_random_state(0)(label)
    assert (new > 0).sum() == pytest.approx((label > 0).sum() * factor**2, rel=0.01)


def test_elastic_map_does_not_fold():
    sampler = LabelDeformation(**{**OFF, "elastic": 0.999}, spacing=6).set_random_state(0)
    for size in [(60, 60), (24, 24, 24)]:
        sampler.randomize(size)
        points = sampler._coordinates(size)
        jacobian = np.stack([np.stack(np.gradient(component)) for component in points])
        assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0


def test_spline_weights_add_up_to_one():
    np.testing.assert_allclose(_spline_weights(50, 11, 7.0).sum(axis=1), 1.0, rtol=1e-6)


def test_reflection_repeats_the_border_voxel():
    points = np.arange(-3, 7, dtype=float)[None]
    mirrored = _sample_nearest(np.array([1, 2, 3]), points, "reflection")
    assert mirrored.tolist() == [3, 2, 1, 1, 2, 3, 3, 2, 1, 1]


def test_zeros_padding_shows_no_instance_twice():
    label = np.zeros((1, 32, 32), np.uint16)
    label[:, 4:10, 4:10] = 7
    sampler = LabelDeformation(scale=(0.4, 0.5), padding_mode="zeros")
    assert {tuple(np.unique(sampler.set_random_state(seed)(label))) for seed in range(10)} <= {(0, 7), (0,)}


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("instances", [True, False])
def test_empty_label_stays_empty(dtype, instances):
    new = LabelDeformation(instances=instances).set_random_state(0)(np.zeros((1, 20, 20), dtype))
    assert not new.any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_voxel_thick_volume_turns_in_its_plane_only(axis):
    plane = np.zeros((48, 48), np.uint16)
    plane[20:28, 16:32] = 1
    label = np.expand_dims(plane, axis)[None]
    turned = [LabelDeformation(**{**OFF, "rotate": math.pi}).set_random_state(s)(label) for s in range(6)]
    assert any((new != label).any() for new in turned)
    assert all(0.9 < new.sum() / label.sum() < 1.1 for new in turned)


def test_real_nuclei_stay_separate_instances_of_real_size(real_data: Callable[[str], Path]):
    folder = real_data("dsb2018_fluorescence")
    for path in sorted((folder / "labels").iterdir())[:8]:
        label = np.asarray(Image.open(path))[None]
        new = LabelDeformation(instances=True).set_random_state(3)(label)
        assert set(components(new[0]).values()) == {1}
        before, after = (np.median(np.unique(a[a > 0], return_counts=True)[1]) for a in (label, new))
        assert 0.5 < after / before < 2


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"elastic": 1.0}, "elastic is 1.0, expected 0 <= elastic < 1.*fold"),
        ({"elastic": float("nan")}, "elastic is nan"),
        ({"spacing": 1.0}, "spacing is 1.0, expected at least 2 voxels"),
        ({"rotate": -0.1}, "rotate is -0.1, expected radians from 0 to pi"),
        ({"rotate": 90}, "rotate is 90, expected radians"),
        ({"rotate": (0.1, 0.2)}, "one number or three"),
        ({"scale": (1.2, 0.8)}, "0 < low <= high"),
        ({"scale": (0.0, 1.0)}, "0 < low <= high"),
        ({"flip": 1.5}, "flip is 1.5"),
        ({"padding_mode": "wrap"}, "padding_mode is 'wrap', expected one of 'reflection', 'zeros'"),
    ],
)
def test_refuses_parameters_out_of_range(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LabelDeformation(**kwargs)


@pytest.mark.parametrize("shape", [(8, 8), (2, 8, 8), (1, 8), (1, 4, 4, 4, 4), (1, 0, 8)])
def test_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"label has shape .* expected one channel"):
        LabelDeformation()(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("wrong", [0.5, math.nan, math.inf, -1.0])
def test_refuses_values_that_are_no_labels(wrong):
    with pytest.raises(ValueError, match="expected whole numbers >= 0"):
        LabelDeformation()(np.full((1, 8, 8), wrong, np.float32))


def test_refuses_three_angles_for_a_plane():
    with pytest.raises(ValueError, match="rotate has 3 angles, a 2D label has one"):
        LabelDeformation(rotate=(0.1, 0.2, 0.3))(grid_label((8, 8)))


def test_by_default_no_value_is_added_to_a_binary_label():
    label = (grid_label((48, 48)) > 0).astype(np.float32)
    for seed in range(5):
        assert set(np.unique(LabelDeformation().set_random_state(seed)(label))) == {0.0, 1.0}
