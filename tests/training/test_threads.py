from __future__ import annotations

import threading
import time
from multiprocessing.dummy import DummyProcess
from multiprocessing.pool import ThreadPool

import pytest
from monai.data import CacheDataset
from monai.transforms import Lambda

from monai_genaug.training.threads import joined_pools


def fail_on_the_first(number: int) -> int:
    if number == 0:
        raise ValueError("damaged")
    time.sleep(0.2)  # at work when the error arrives
    return number


def pool_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, DummyProcess)]


def test_no_thread_of_a_failed_cache_is_left_at_work():
    with pytest.raises(RuntimeError) as caught, joined_pools():
        CacheDataset(range(9), Lambda(fail_on_the_first), progress=False)
    assert "damaged" in f"{caught.value} {caught.value.__cause__}"
    assert pool_threads() == []


def test_pools_of_others_are_not_waited_for():
    release = threading.Event()
    with ThreadPool(1) as pool:
        pool.apply_async(release.wait)
        with pytest.raises(ValueError, match="damaged"), joined_pools():
            raise ValueError("damaged")
        assert pool_threads()
        release.set()
