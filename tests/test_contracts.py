"""What `ConditionalGenerator.sample` promises, for every family alike, as tests/families builds them."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from monai_genaug import ConditionalGenerator, GeneratorHandle, generators, save_generator
from monai_genaug.generators import describe_generator
from monai_genaug.masks import BinaryEncoding, InstanceEncoding, OneHotEncoding
from tests.families import find_families
from tests.helpers import blobs

SEED_FLOOR = 0.01  # mean absolute difference between two seeds, of the range [0, 1]


FAMILIES = find_families()
VARIANTS = {
    "2d": (2, BinaryEncoding(), 1),
    "2d_rgb_onehot": (2, OneHotEncoding(2), 3),
    "2d_instances": (2, InstanceEncoding(), 1),
    "3d": (3, BinaryEncoding(), 1),
    "3d_onehot_2ch": (3, OneHotEncoding(2), 2),
}


def build(family: str, variant: str) -> ConditionalGenerator:
    torch.manual_seed(0)
    return FAMILIES[family](*VARIANTS[variant])


def can_be_described(family: str) -> bool:
    """Whether a family is built of the package's own classes, so that it can be saved."""
    try:
        describe_generator(build(family, "2d"))
    except ValueError:
        return False
    return True


SAVED = [family for family in FAMILIES if can_be_described(family)]


@pytest.fixture(params=[(f, v) for f in FAMILIES for v in VARIANTS], ids="-".join)
def generator(request: pytest.FixtureRequest) -> ConditionalGenerator:
    return build(*request.param)


@pytest.fixture
def conditions(generator: ConditionalGenerator) -> torch.Tensor:
    size = (19, 13, 11)[: generator.spatial_dims]
    return generator.encode(torch.stack([blobs(size, seed) for seed in range(3)]))


def test_same_condition_and_seed_give_the_same_image_whatever_else_is_in_the_batch(generator, conditions):
    together = generator.sample(conditions, seeds=[5, 6, 7])
    torch.manual_seed(99)
    torch.rand(7)
    alone = generator.sample(conditions[1:2], seeds=[6])
    shuffled = generator.sample(conditions[[1, 0]], seeds=[6, 11])
    torch.testing.assert_close(alone[0], together[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(shuffled[0], together[1], atol=1e-5, rtol=0)


def test_two_seeds_differ(generator, conditions):
    one, two = generator.sample(conditions[:1].repeat(2, *(1,) * (conditions.ndim - 1)), seeds=[1, 2])
    assert (one - two).abs().mean() > SEED_FLOOR


def test_images_are_float32_in_the_unit_range_at_the_size_asked_for(generator, conditions):
    image = generator.sample(conditions, seeds=[1, 2, 3])
    assert image.dtype == torch.float32
    assert image.shape == (3, generator.image_channels, *conditions.shape[2:])
    assert image.min() >= 0
    assert image.max() <= 1
    assert image.std() > 0


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 9, 5), (33, 4, 3)], ids=str)
def test_any_size_and_aspect(generator, size):
    size = size[: generator.spatial_dims]
    image = generator.sample(generator.encode(blobs(size, 0)[None]), seeds=[3])
    assert image.shape[2:] == size
    assert torch.isfinite(image).all()


def test_an_empty_and_a_full_mask_are_fine(generator):
    size = (9, 10, 8)[: generator.spatial_dims]
    for value in (0, 1):
        label = torch.full((1, 1, *size), value)
        assert torch.isfinite(generator.sample(generator.encode(label), seeds=[1])).all()


def test_an_empty_batch_gives_an_empty_batch(generator, conditions):
    assert generator.sample(conditions[:0], seeds=[]).shape == (0, generator.image_channels, *conditions.shape[2:])


def test_modes_gradients_random_state_and_threads_are_left_as_found(generator, conditions):
    generator.train()
    frozen = next(part for part in generator.modules() if part is not generator)
    frozen.eval()
    modes = [part.training for part in generator.modules()]
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_state = np.random.get_state()[1].copy()
    image = generator.sample(conditions, seeds=[1, 2, 3])
    assert not image.requires_grad
    assert torch.is_grad_enabled()
    assert [part.training for part in generator.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert (np.random.get_state()[1] == numpy_state).all()


def test_train_mode_gives_the_same_image_as_eval_mode(generator, conditions):
    evaluated = generator.eval().sample(conditions, seeds=[1, 2, 3])
    assert torch.equal(generator.train().sample(conditions, seeds=[1, 2, 3]), evaluated)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_inf_never_leave(generator, conditions, bad):
    with torch.no_grad():
        next(generator.parameters()).fill_(bad)
    with pytest.raises(FloatingPointError, match=generator.name.split("(")[0]):
        generator.sample(conditions, seeds=[1, 2, 3])


def test_wrong_channels_dims_and_seeds_are_refused(generator, conditions):
    with pytest.raises(ValueError, match=f"{generator.condition_channels + 1} channels"):
        generator.sample(torch.cat((conditions, conditions[:, :1]), 1), seeds=[1, 2, 3])
    with pytest.raises(ValueError, match="spatial dims"):
        generator.sample(conditions[..., 0], seeds=[1, 2, 3])
    with pytest.raises(ValueError, match="2 seeds for 3 conditions"):
        generator.sample(conditions, seeds=[1, 2])
    with pytest.raises(ValueError, match="spatial dims"):
        generator.encode(torch.zeros(1, 1, 4))


def test_a_live_generator_refuses_to_be_pickled_and_names_the_handle(generator):
    with pytest.raises(TypeError, match="GeneratorHandle"):
        pickle.dumps(generator)


ELSEWHERE = """
import sys, traceback
from pathlib import Path
import numpy as np, torch
from monai_genaug import load_generator
torch.rand(3)
label = torch.from_numpy(np.load("label.npy"))
for folder in sorted(path for path in Path().iterdir() if path.is_dir()):
    try:
        generator = load_generator(folder)
        np.save(f"{folder}.npy", generator.sample(generator.encode(label), seeds=[42]).numpy())
    except Exception:
        traceback.print_exc()
"""


@pytest.fixture(scope="module")
def made_elsewhere(tmp_path_factory, real_threads_env):
    """Folder with a generator of each family and, beside it, its image, made in one other process."""
    place = tmp_path_factory.mktemp("elsewhere")
    np.save(place / "label.npy", blobs((20, 12), 1)[None].numpy())
    for family in SAVED:
        save_generator(place / family, build(family, "2d"))
    subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, env=real_threads_env, cwd=place)
    return place


@pytest.mark.parametrize("family", SAVED)
def test_another_process_gives_the_same_image(made_elsewhere, family):
    generator = build(family, "2d")
    here = generator.sample(generator.encode(blobs((20, 12), 1)[None]), seeds=[42])
    there = torch.from_numpy(np.load(made_elsewhere / f"{family}.npy"))
    torch.testing.assert_close(there, here, atol=1e-5, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("family", SAVED)
def test_every_family_that_can_be_saved_comes_back_equal(tmp_path, family, variant):
    generator = build(family, variant).eval()
    folder = save_generator(tmp_path / "g", generator, metadata={"note": "untrained"})
    condition = generator.encode(blobs((8, 9, 7)[: generator.spatial_dims], 3)[None])
    again = GeneratorHandle(folder).load()
    assert torch.equal(again.sample(condition, seeds=[4]), generator.sample(condition, seeds=[4]))
    assert (again.name, again.condition_channels) == (generator.name, generator.condition_channels)


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(SAVED)))
def test_a_family_that_could_not_be_loaded_again_is_not_saved(tmp_path, family):
    with pytest.raises(ValueError, match="cannot be"):
        save_generator(tmp_path / "g", build(family, "2d"))
    assert not (tmp_path / "g").exists()


def test_every_family_of_the_package_is_tested_here():
    concrete = {
        item
        for item in vars(generators).values()
        if isinstance(item, type) and issubclass(item, ConditionalGenerator) and item is not ConditionalGenerator
    }
    assert concrete == {type(build(family, "2d")) for family in FAMILIES}
