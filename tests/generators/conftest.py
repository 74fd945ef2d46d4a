from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import save_untrained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A generator's folder with random weights."""
    return save_untrained(tmp_path / "nuclei")
