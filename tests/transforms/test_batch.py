"""Generative augmentation of whole batches."""

from __future__ import annotations

import pickle

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch._dynamo.testing import CompileCounter

from monai_genaug import GenerativePrepareBatch, ModuleGenerator, load_generator, synthesize
from monai_genaug._rng import derive_seed
from monai_genaug.masks import BinaryEncoding, LabelDeformation
from tests.helpers import blobs, save_untrained


@pytest.fixture
def folder(tmp_path):
    return save_untrained(tmp_path / "generator")


def batch(count: int = 8, start: int = 0) -> dict:
    labels = torch.stack([blobs((16, 20), start + number) for number in range(count)])
    return {"image": torch.rand(count, 1, 16, 20), "label": labels, "draw": torch.arange(start, start + count)}


def changed(data: dict, image: torch.Tensor) -> list[bool]:
    return (image != data["image"]).flatten(1).any(dim=1).tolist()


def test_about_as_many_rows_as_asked_are_replaced_and_the_batch_stays_as_it_was(folder):
    prepare, data = GenerativePrepareBatch(folder, 0.3, mask_sampler=LabelDeformation()), batch(100)
    before = {key: value.clone() for key, value in data.items()}
    image, label = prepare(data, device="cpu")
    rows = changed(data, image)
    assert 15 <= sum(rows) <= 45
    assert all(torch.equal(data[key], before[key]) for key in data)
    kept = [row for row, replaced in enumerate(rows) if not replaced]
    assert torch.equal(label[kept], data["label"][kept])


def test_a_row_is_the_synthetic_pair_of_its_own_seed(folder):
    prepare, data = GenerativePrepareBatch(folder, 1.0, mask_sampler=LabelDeformation(), seed=5), batch(3)
    image, label = prepare(data, device="cpu")
    seeds = [derive_seed(5, "row", draw) for draw in range(3)]
    expected = synthesize(
        load_generator(folder), data["label"], seeds, images=data["image"], mask_sampler=LabelDeformation()
    )
    torch.testing.assert_close(image, expected.images)
    assert torch.equal(label, expected.labels)


def test_what_a_row_becomes_does_not_depend_on_its_batch(folder):
    data = batch(8)
    whole = GenerativePrepareBatch(folder, 0.5)(data, device="cpu")[0]
    halves = [{key: value[part] for key, value in data.items()} for part in (slice(0, 4), slice(4, 8))]
    prepare = GenerativePrepareBatch(folder, 0.5)
    parts = [prepare(half, device="cpu")[0] for half in reversed(halves)][::-1]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_without_draws_the_random_state_decides(folder):
    data = {key: value for key, value in batch(20).items() if key != "draw"}
    runs = [GenerativePrepareBatch(folder, 0.5, seed=seed)(data, device="cpu")[0] for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    prepare = GenerativePrepareBatch(folder, 0.5)
    assert changed(data, prepare(data, device="cpu")[0]) != changed(data, prepare(data, device="cpu")[0])


def test_labels_become_targets_at_the_end(folder):
    prepare = GenerativePrepareBatch(folder, 0.0, label_transform=lambda label: (label > 0).float())
    data = batch(2)
    label = prepare(data, device="cpu")[1]
    assert torch.equal(label, (data["label"] > 0).float())


def test_a_probability_out_of_range_is_refused(folder):
    with pytest.raises(ValueError, match=r"prob is 1\.5"):
        GenerativePrepareBatch(folder, 1.5)


def test_labels_of_sixteen_bit_stay_so(folder):
    data = batch(2)
    data["label"] = data["label"].to(torch.uint16)
    image, label = GenerativePrepareBatch(folder, 1.0)(data, device="cpu")
    assert label.dtype == torch.uint16
    assert changed(data, image) == [True, True]


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"channels_last": True}, 1e-4),
        ({"amp": True}, 0.05),
    ],
    ids=["channels_last", "amp"],
)
def test_faster_ways_of_the_same_network_are_pickled_and_give_the_same_pairs_to_their_tolerance(
    folder, options, tolerance
):
    data = batch(3)
    plain = GenerativePrepareBatch(folder, 1.0)(data, device="cpu")[0]
    prepare = pickle.loads(pickle.dumps(GenerativePrepareBatch(folder, 1.0, **options)))
    image = prepare(data, device="cpu")[0]
    torch.testing.assert_close(image, plain, atol=tolerance, rtol=0)


def test_batches_of_which_other_numbers_of_rows_are_replaced_share_one_graph():
    torch._dynamo.reset()
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Tanh(), torch.nn.Conv2d(2, 1, 1))
    generator = ModuleGenerator(network, spatial_dims=2, image_channels=1, encoding=BinaryEncoding())
    counter = CompileCounter()
    prepare = GenerativePrepareBatch(generator, 0.5, compile=True, compile_kwargs={"backend": counter})
    plain = GenerativePrepareBatch(generator, 0.5)
    replaced = set()
    for start in range(0, 80, 4):
        data = batch(4, start)
        image = prepare(data, device="cpu")[0]
        torch.testing.assert_close(image, plain(data, device="cpu")[0], atol=1e-4, rtol=0)
        replaced.add(sum(changed(data, image)))
    assert {1, 2, 3} <= replaced
    assert counter.frame_count == 1


def test_monais_trainer_is_fed_with_synthetic_rows(folder):
    seen = []

    class Network(torch.nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.clone())
            return super().forward(x)

    network = Network(1, 1, 3, padding=1)
    prepare = GenerativePrepareBatch(folder, 0.5, label_transform=torch.Tensor.float)
    batches = [batch(4), batch(3, start=4)]
    SupervisedTrainer(
        device="cpu",
        max_epochs=1,
        train_data_loader=batches,
        epoch_length=2,
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        loss_function=torch.nn.MSELoss(),
        prepare_batch=prepare,
    ).run()
    for data, image in zip(batches, seen, strict=True):
        assert torch.equal(image, GenerativePrepareBatch(folder, 0.5)(data, device="cpu")[0])
