"""Generators in bfloat16, in channels_last and compiled."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from monai_genaug import GenerativeAugment, ModuleGenerator, accelerate, load_generator, save_generator
from monai_genaug.generators import digest_of
from monai_genaug.generators.acceleration import AcceleratedHandle, Acceleration, as_accelerated_handle
from monai_genaug.generators.handle import GeneratorHandle
from monai_genaug.masks import BinaryEncoding
from tests.families import find_families
from tests.families.module import DropoutConv
from tests.helpers import blobs, build

FAMILIES = find_families()


@pytest.fixture
def counter():
    """A compiler that compiles nothing and counts its graphs, with none left of other tests."""
    torch._dynamo.reset()
    yield CompileCounter()
    torch._dynamo.reset()


def compiled_by(counter: CompileCounter, **settings) -> dict:
    return {"compile": True, "compile_kwargs": {"backend": counter}, **settings}


def tiny(dims: int = 2) -> ModuleGenerator:
    """A network of torch's own layers, which is compiled in no time."""
    conv = torch.nn.Conv2d if dims == 2 else torch.nn.Conv3d
    network = torch.nn.Sequential(conv(1, 3, 3, padding=1), torch.nn.ReLU(), conv(3, 1, 1), torch.nn.Tanh())
    return ModuleGenerator(network, spatial_dims=dims, image_channels=1, encoding=BinaryEncoding(), stride=2)


def build_family(family: str, dims: int = 2):
    torch.manual_seed(0)
    return FAMILIES[family](dims, BinaryEncoding(), 1)


def conditions(generator, count: int = 3, size: tuple[int, ...] = (24, 20)) -> torch.Tensor:
    return generator.encode(torch.stack([blobs(size, seed) for seed in range(count)]))


@pytest.mark.parametrize("family", FAMILIES)
def test_images_of_every_family_are_those_without_channels_last_but_for_rounding(family):
    generator = build_family(family)
    condition = conditions(generator)
    fast = accelerate(generator, channels_last=True).sample(condition, seeds=[1, 2, 3])
    torch.testing.assert_close(fast, generator.sample(condition, seeds=[1, 2, 3]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_keeps_the_contract_in_bfloat16(family):
    generator = build_family(family)
    condition = conditions(generator)
    fast = accelerate(generator, amp=True)
    image = fast.sample(condition, seeds=[1, 2, 3])
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1
    difference = (image - generator.sample(condition, seeds=[1, 2, 3])).abs().mean()
    assert 0 < difference < 0.02  # of random weights, large ones; those of trained ones are tested below
    torch.testing.assert_close(fast.sample(condition[1:2], seeds=[2])[0], image[1], atol=0.02, rtol=0)


@pytest.mark.parametrize("name", ["nuclei_pix2pix", "nuclei_spade", "nuclei_rflow"])
def test_images_of_shipped_generators_in_bfloat16_are_within_the_stated_tolerance(name):
    generator = load_generator(name)
    condition = conditions(generator, 2, (64, 64))
    difference = accelerate(generator, amp=True, channels_last=True).sample(condition, seeds=[1, 2])
    difference = (difference - generator.sample(condition, seeds=[1, 2])).abs()
    assert difference.max() < 0.05
    assert difference.mean() < 0.002


@pytest.mark.parametrize("make", [tiny, build, partial(build_family, "cvae")], ids=["module", "pix2pix", "cvae"])
def test_no_number_of_rows_makes_a_further_graph(counter, make):
    generator = make()
    fast = accelerate(generator, **compiled_by(counter))
    condition = conditions(generator, 5)
    for rows in (3, 1, 5, 2, 4):
        image = fast.sample(condition[:rows], seeds=range(rows))
        expected = generator.sample(condition[:rows], seeds=range(rows))
        torch.testing.assert_close(image, expected, atol=1e-4, rtol=0)
        if rows == 3:
            graphs = counter.frame_count
    assert 1 <= counter.frame_count == graphs


def test_a_graph_in_two_sizes_takes_any_other(counter):
    generator = tiny()
    fast = accelerate(generator, **compiled_by(counter))
    for size in ((16, 16), (24, 20), (32, 8), (12, 40), (20, 20)):
        image = fast.sample(conditions(generator, 2, size), seeds=[1, 2])
        assert image.shape[2:] == size
    assert counter.frame_count <= 3


def test_all_options_work_together_in_3d(counter):
    generator = tiny(dims=3)
    condition = conditions(generator, 2, (16, 12, 9))
    fast = accelerate(generator, **compiled_by(counter, amp=True, channels_last=True))
    difference = fast.sample(condition, seeds=[1, 2]) - generator.sample(condition, seeds=[1, 2])
    assert counter.frame_count == 1
    assert difference.abs().max() < 0.05


class Wrapped(torch.nn.Module):
    """Has a part, so that there is something to compile."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = DropoutConv(2, 1, 1)

    def forward(self, condition: torch.Tensor) -> torch.Tensor:
        return self.inner(condition)


def test_a_network_that_draws_random_numbers_is_not_compiled_and_gives_its_images(counter):
    encoding = BinaryEncoding()
    generator = ModuleGenerator(Wrapped(), spatial_dims=2, image_channels=1, encoding=encoding, draws_noise=True)
    with pytest.warns(UserWarning, match=r"Wrapped of ModuleGenerator\(Wrapped\) is not compiled"):
        fast = accelerate(generator, **compiled_by(counter))
    condition = torch.ones(2, 1, 4, 4)
    assert torch.equal(fast.sample(condition, seeds=[1, 2]), generator.sample(condition, seeds=[1, 2]))
    assert counter.frame_count == 0


def test_weights_of_the_copy_are_channels_last_and_the_given_generator_stays_as_it_is():
    generator = build().train()
    weight = accelerate(generator, channels_last=True).network.down[1][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    kept = generator.network.down[1][0].weight
    assert kept.is_contiguous()
    assert not kept.is_contiguous(memory_format=torch.channels_last)
    assert generator.training


def test_the_copy_is_saved_and_told_apart_as_the_generator_itself(tmp_path, counter):
    generator = build()
    fast = accelerate(generator, **compiled_by(counter, amp=True, channels_last=True))
    assert (type(fast), fast.name) == (type(generator), generator.name)
    assert list(fast.state_dict()) == list(generator.state_dict())
    assert digest_of(fast) == digest_of(generator)
    again = load_generator(save_generator(tmp_path / "saved", fast))
    condition = conditions(generator)
    assert torch.equal(again.sample(condition, seeds=[1, 2, 3]), generator.sample(condition, seeds=[1, 2, 3]))


def test_a_deep_copy_runs_its_own_weights(counter):
    fast = accelerate(tiny(), **compiled_by(counter, amp=True))
    condition = conditions(fast)
    before = fast.sample(condition, seeds=[1, 2, 3])
    twin = copy.deepcopy(fast)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert twin.sample(condition, seeds=[1, 2, 3]).std() == 0
    assert torch.equal(fast.sample(condition, seeds=[1, 2, 3]), before)


def test_accelerating_leaves_the_global_generator_as_it_was(counter):
    generator = tiny()
    before = torch.get_rng_state()
    accelerate(generator, **compiled_by(counter, amp=True, channels_last=True))
    assert torch.equal(before, torch.get_rng_state())


def test_where_nothing_is_asked_for_the_generator_comes_back():
    generator = build()
    assert accelerate(generator) is generator


def test_what_cannot_be_accelerated_is_refused():
    with pytest.raises(ValueError, match="generator is a str, expected a ConditionalGenerator"):
        accelerate("nuclei_pix2pix", amp=True)
    with pytest.raises(ValueError, match="was accelerated before"):
        accelerate(accelerate(build(), amp=True), channels_last=True, compile=True)
    with pytest.raises(ValueError, match=r"compile_kwargs is .* with compile=False"):
        accelerate(build(), compile_kwargs={"mode": "default"})


def test_a_handle_accelerates_once_and_leaves_the_plain_handles_generator(folder):
    plain = GeneratorHandle(folder)
    fast = as_accelerated_handle(folder, "cpu", Acceleration(amp=True))
    condition = conditions(plain.load())
    made = fast.load().sample(condition, seeds=[1, 2, 3])
    assert as_accelerated_handle(plain, "cpu", Acceleration(amp=True)).load() is fast.load()
    assert not torch.equal(made, plain.load().sample(condition, seeds=[1, 2, 3]))
    assert torch.equal(made, accelerate(plain.load(), amp=True).sample(condition, seeds=[1, 2, 3]))


def test_handles_are_pickled_and_compared_with_their_options(folder):
    fast = as_accelerated_handle(folder, "cpu", Acceleration(channels_last=True))
    again = pickle.loads(pickle.dumps(fast))
    assert again == fast
    assert hash(again) == hash(fast)
    assert again.load() is fast.load()
    assert fast not in (GeneratorHandle(folder), AcceleratedHandle(GeneratorHandle(folder), Acceleration(amp=True)))
    assert len(pickle.dumps(fast)) < 1000


def test_without_options_a_handle_is_a_plain_one(folder):
    assert type(as_accelerated_handle(folder, "cpu", Acceleration())) is GeneratorHandle


def test_an_accelerated_handle_goes_into_a_chain(folder):
    handle = as_accelerated_handle(folder, "cpu", Acceleration(channels_last=True))
    image, label = torch.rand(1, 16, 20), blobs((16, 20), 0)
    fast, plain = (GenerativeAugment(g, prob=1.0).apply(image, label, 7)[0] for g in (handle, folder))
    torch.testing.assert_close(fast.as_tensor(), plain.as_tensor(), atol=1e-5, rtol=0)
