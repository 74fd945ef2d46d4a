"""`GenerativeAugmentd` in MONAI's datasets and loaders, under fork and spawn."""

from __future__ import annotations

import pickle

import pytest
import torch
from monai.data import (
    CacheDataset,
    DataLoader,
    Dataset,
    MetaTensor,
    PersistentDataset,
    SmartCacheDataset,
    ThreadDataLoader,
)
from monai.transforms import Compose, EnsureTyped, ScaleIntensityRanged

from monai_genaug import GenerativeAugmentd, GeneratorHandle, load_generator
from tests.helpers import blobs, save_untrained

SAMPLES = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_untrained(tmp_path_factory.mktemp("generators") / "nuclei")


@pytest.fixture
def items() -> list[dict[str, torch.Tensor]]:
    label = blobs((12, 12), 0)
    return [{"image": torch.full((1, 12, 12), 100.0 + n), "label": label} for n in range(SAMPLES)]


def chain(generator, prob: float = 1.0) -> Compose:
    return Compose(
        [
            EnsureTyped(("image", "label")),
            ScaleIntensityRanged("image", 0, 255, 0, 1, clip=True),
            GenerativeAugmentd(generator=generator, prob=prob),
        ]
    )


def collect(loader) -> tuple[torch.Tensor, list[int]]:
    batches = list(loader)
    images = torch.cat([batch["image"].as_tensor() for batch in batches])
    return images, [int(seed) for batch in batches for seed in batch["image"].meta["genaug"]["seed"]]


def assert_no_two_alike(images: torch.Tensor, seeds: list[int]) -> None:
    assert len(set(seeds)) == len(seeds) == len(images)
    distances = torch.cdist(images.flatten(1), images.flatten(1)) + 9.0 * torch.eye(len(images))
    assert distances.min() > 1e-3


LOADERS = [(0, None), (1, "fork"), (4, "fork"), (1, "spawn"), (4, "spawn")]


@pytest.mark.parametrize(("workers", "context"), LOADERS)
def test_a_loader_repeats_for_a_fixed_seed_and_worker_count(folder, items, workers, context):
    runs = []
    for _ in range(2):
        torch.manual_seed(5)  # MONAI's loader takes its workers' base seed from here
        loader = DataLoader(
            Dataset(items, chain(folder).set_random_state(seed=1)),
            batch_size=3,
            num_workers=workers,
            multiprocessing_context=context,
        )
        runs.append(collect(loader))
    assert_no_two_alike(*runs[0])
    assert runs[0][1] == runs[1][1]
    torch.testing.assert_close(runs[0][0], runs[1][0], atol=1e-5, rtol=0)


def test_persistent_workers_give_new_samples_every_epoch(folder, items):
    loader = DataLoader(Dataset(items, chain(folder)), batch_size=3, num_workers=2, persistent_workers=True)
    first, second = collect(loader), collect(loader)
    assert_no_two_alike(torch.cat((first[0], second[0])), first[1] + second[1])


def test_after_torch_has_computed_in_the_parent_forked_workers_still_run(folder, items):
    generator = load_generator(folder)
    generator.sample(generator.encode(torch.ones(4, 1, 64, 64)), seeds=range(4))
    loader = DataLoader(Dataset(items, chain(GeneratorHandle(folder))), batch_size=3, num_workers=2)
    assert len(collect(loader)[1]) == SAMPLES


@pytest.mark.parametrize("workers", [0, 2])
def test_cached_real_samples_get_a_new_pair_every_epoch(folder, items, workers):
    dataset = CacheDataset(items, chain(folder), progress=False, num_workers=None)
    loader = DataLoader(dataset, batch_size=3, num_workers=workers)
    first, second = collect(loader), collect(loader)
    assert_no_two_alike(torch.cat((first[0], second[0])), first[1] + second[1])
    assert "genaug" not in dataset._cache[0]["image"].meta


def test_persistent_dataset_caches_only_what_comes_before(folder, items, tmp_path):
    dataset = PersistentDataset(items, chain(folder), cache_dir=tmp_path / "cache")
    first, second = (collect(DataLoader(dataset, batch_size=3)) for _ in range(2))
    assert len(list((tmp_path / "cache").iterdir())) == SAMPLES
    assert_no_two_alike(torch.cat((first[0], second[0])), first[1] + second[1])


def test_smart_cache_dataset(folder, items):
    dataset = SmartCacheDataset(items, chain(folder), replace_rate=0.5, cache_num=4, progress=False)
    seeds = []
    dataset.start()
    for _ in range(3):
        seeds += collect(DataLoader(dataset, batch_size=2))[1]
        dataset.update_cache()
    dataset.shutdown()
    assert len(set(seeds)) == len(seeds) == 12


@pytest.mark.parametrize("use_thread_workers", [False, True])
def test_thread_data_loader(folder, items, use_thread_workers):
    loader = ThreadDataLoader(
        Dataset(items, chain(folder)),
        batch_size=3,
        num_workers=2 if use_thread_workers else 0,
        use_thread_workers=use_thread_workers,
    )
    images, seeds = collect(loader)
    assert len(images) == SAMPLES
    assert min(seeds) >= 0
    if not use_thread_workers:
        assert_no_two_alike(images, seeds)


def test_applied_and_not_applied_samples_collate_together(folder, items):
    loader = DataLoader(Dataset(items, chain(folder, prob=0.5).set_random_state(seed=0)), batch_size=SAMPLES)
    meta = next(iter(loader))["image"].meta["genaug"]
    applied = meta["applied"]
    assert 0 < applied.sum() < SAMPLES
    assert meta["seed"].dtype == torch.int64
    assert torch.equal(meta["seed"] >= 0, applied)
    assert len(meta["digest"]) == len(meta["generator"]) == SAMPLES


def test_a_live_generator_works_in_forked_workers_and_names_the_handle_under_spawn(folder, items):
    dataset = Dataset(items, chain(load_generator(folder)))
    assert len(collect(DataLoader(dataset, batch_size=3, num_workers=2, multiprocessing_context="fork"))[1]) == SAMPLES
    with pytest.raises(TypeError, match="GeneratorHandle"):
        next(iter(DataLoader(dataset, num_workers=1, multiprocessing_context="spawn")))


def test_the_transform_takes_little_room_when_sent_to_workers(folder):
    assert len(pickle.dumps(GenerativeAugmentd(generator=folder))) < 5000


def test_cuda_in_a_forked_worker_is_refused(folder, items):
    loader = DataLoader(
        Dataset(items, GenerativeAugmentd(generator=GeneratorHandle(folder, "cuda"), prob=1.0)),
        num_workers=1,
        multiprocessing_context="fork",
    )
    with pytest.raises(RuntimeError, match="cannot run in a forked DataLoader worker"):
        next(iter(loader))


def test_a_batch_holds_metatensors_with_their_affines(folder, items):
    affine = torch.diag(torch.tensor([2.0, 3.0, 1.0, 1.0], dtype=torch.float64))
    items = [{key: MetaTensor(value, affine=affine) for key, value in item.items()} for item in items]
    batch = next(iter(DataLoader(Dataset(items, chain(folder)), batch_size=4)))
    assert torch.equal(batch["image"].affine[2], affine)
