"""The page about metrics against the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import monai_genaug.metrics

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
CALLS = sorted(
    {
        name
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and len(cells := line.split(" | ")) > 4
        for name in re.findall(r"`([a-z_]+)`", cells[3])
    }
)


def test_the_page_names_calls():
    assert len(CALLS) > 10


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_the_page_names_is_there(name):
    assert callable(getattr(monai_genaug.metrics, name))
