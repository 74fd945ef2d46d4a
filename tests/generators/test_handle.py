from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from monai_genaug import GeneratorHandle
from monai_genaug.generators import handle as module
from monai_genaug.generators.handle import LiveHandle, as_handle, check_device_after_fork
from tests.helpers import build, save_untrained


@pytest.fixture
def handle(tmp_path) -> GeneratorHandle:
    return GeneratorHandle(save_untrained(tmp_path / "nuclei"))


def test_a_handle_is_small_and_comes_back_equal(handle):
    pickled = pickle.dumps(handle)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert again == handle
    assert hash(again) == hash(handle)


def test_the_hash_is_the_same_in_every_process(handle):
    code = f"from monai_genaug import GeneratorHandle; print(hash(GeneratorHandle({handle.folder!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == hash(handle)


def test_equal_content_is_equal_and_other_weights_or_devices_are_not(handle, tmp_path):
    same = GeneratorHandle(save_untrained(tmp_path / "copy"))
    other = GeneratorHandle(save_untrained(tmp_path / "other", seed=1))
    assert same == handle
    assert other != handle
    assert GeneratorHandle(handle.folder, "meta") != handle


def test_the_network_is_loaded_once_even_by_many_threads(tmp_path, monkeypatch):
    handle = GeneratorHandle(save_untrained(tmp_path / "g", seed=1234))  # of no other test, which may have loaded it
    calls = []
    load = module.load_generator
    monkeypatch.setattr(module, "load_generator", lambda *args: calls.append(args) or load(*args))
    with ThreadPoolExecutor(8) as pool:
        generators = list(pool.map(lambda _: handle.load(), range(16)))
    assert len(calls) == 1
    assert all(generator is generators[0] for generator in generators)


def test_files_that_changed_since_are_refused(tmp_path):
    handle = GeneratorHandle(save_untrained(tmp_path / "changing", seed=4))
    save_untrained(handle.folder, seed=5)
    with pytest.raises(ValueError, match="has changed since this run began"):
        handle.load()


def _load_in_child(device: str, queue) -> None:
    try:
        check_device_after_fork(device, _HOME)
        queue.put("fine")
    except RuntimeError as error:
        queue.put(str(error))


_HOME = multiprocessing.current_process().pid


@pytest.mark.parametrize(("device", "word"), [("cuda", "multiprocessing_context='spawn'"), ("cpu", "fine")])
def test_cuda_in_a_forked_worker_is_refused_and_the_remedies_named(device, word):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_load_in_child, args=(device, queue))
    process.start()
    message = queue.get(timeout=60)
    process.join()
    assert word in message
    if device == "cuda":
        assert "device='cpu'" in message


def test_a_handle_sent_to_a_spawned_worker_may_use_cuda(handle):
    again = pickle.loads(pickle.dumps(handle))
    check_device_after_fork("cuda", again._pid)


def test_a_copied_handle_is_itself_so_that_a_fork_is_still_seen(handle):
    assert copy.deepcopy(handle) is handle


def test_the_package_imports_where_processes_cannot_fork():
    code = "import os, monai; del os.register_at_fork; import monai_genaug; print(monai_genaug.GenerativeAugmentd)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "GenerativeAugmentd" in done.stdout


def test_a_live_generator_is_shared_by_copies_and_hashed_by_its_weights():
    generator = build()
    live = as_handle(generator, "cpu")
    assert isinstance(live, LiveHandle)
    assert copy.deepcopy(live).load() is generator
    with torch.no_grad():
        next(generator.parameters()).add_(1)
    assert as_handle(generator, "cpu").digest != live.digest


def test_a_live_generator_can_be_copied_within_the_process():
    generator = build()
    twin = copy.deepcopy(generator)
    condition = generator.encode(torch.ones(1, 1, 8, 8))
    assert torch.equal(twin.sample(condition, seeds=[1]), generator.sample(condition, seeds=[1]))
    assert next(twin.parameters()) is not next(generator.parameters())


def test_anything_else_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match="wrap a network of your own in ModuleGenerator"):
        as_handle(torch.nn.Identity(), "cpu")
