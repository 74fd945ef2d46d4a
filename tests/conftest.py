"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

DATA = Path(os.environ.get("GENAUG_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Give the folder of a real data set, or skip the test and say why."""

    def find(name: str) -> Path:
        folder = DATA / name
        if not folder.exists():
            pytest.skip(f"real data {name!r} is not at {folder}: set GENAUG_DATA to the folder that holds it")
        return folder

    return find


@pytest.fixture(scope="session")
def real_threads_env() -> dict[str, str]:
    """Environment of a subprocess that computes with the same number of threads as this one."""
    return {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
