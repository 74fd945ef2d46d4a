"""Files of cells."""

from __future__ import annotations

import json
import logging

import pytest

from monai_genaug.benchmark.grid.cells import Cell
from monai_genaug.benchmark.grid.scores import SCORES
from monai_genaug.benchmark.grid.store import CellResult, CellStore, digest_of_values


def result(cell: Cell | None = None, scores: list[float] | None = None, **changes) -> CellResult:
    """A result with the same scores in each measure."""
    scores = scores or [0.5, 0.75]
    given = {
        "cell": cell or Cell("a", 2, 0, "unet", "classic", None, 0.0),
        "names": [f"image{number}" for number in range(len(scores))],
        "groups": [f"group{number}" for number in range(len(scores))],
        "scores": dict.fromkeys(SCORES, scores),
        "labelled": ["x", "y"],
        "seconds": {"segmenter": 1.0, "generator": 0.0},
        "parameters": {"segmenter": 10, "generator": 0},
        "machine": {"device": "cpu"},
    }
    return CellResult(**{**given, **changes})


def test_what_is_written_is_read(tmp_path):
    store = CellStore(tmp_path)
    assert store.read("k") is None
    store.write("k", result())
    assert store.read("k") == result()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "more": 1}),
        lambda text: json.dumps({**json.loads(text), "names": ["one"]}),
        lambda text: json.dumps({**json.loads(text), "scores": {"dice": [0.5, 0.75]}}),
        lambda text: text.replace("0.75", "NaN"),
        lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "scores"}),
    ],
    ids=["truncated", "empty", "list", "unknown entry", "fewer names", "fewer measures", "not finite", "no scores"],
)
def test_a_damaged_file_is_said_to_be_and_counts_as_missing(tmp_path, caplog, damage):
    store = CellStore(tmp_path)
    store.write("k", result())
    file = tmp_path / "cells/k.json"
    file.write_text(damage(file.read_text()))
    with caplog.at_level(logging.WARNING):
        assert store.read("k") is None
    assert f"{file} is damaged" in caplog.text
    assert "the cell is run again" in caplog.text


def test_a_score_that_is_no_number_is_not_written(tmp_path):
    store = CellStore(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write("k", result(scores=[0.5, float("nan")]))
    assert list((tmp_path / "cells").glob("*")) == []


def test_success_takes_the_report_of_an_earlier_failure_away(tmp_path):
    store = CellStore(tmp_path)
    file = store.write_failure("k", "Traceback ...")
    assert file.read_text() == "Traceback ..."
    store.write("k", result())
    assert not file.exists()


def test_digests_tell_values_apart_and_not_their_order():
    assert digest_of_values({"a": 1, "b": [2]}) == digest_of_values({"b": [2], "a": 1})
    assert len({digest_of_values(value) for value in ({"a": 1}, {"a": "1"}, {"a": 1.5}, {"a": None}, [1], [[1]])}) == 6
