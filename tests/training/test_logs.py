from __future__ import annotations

import logging

import pytest

from monai_genaug.training.logs import log_to_file, muted

LOGGER = logging.getLogger("monai_genaug.training.a")


def test_what_is_logged_meanwhile_is_appended(tmp_path):
    path = tmp_path / "deep/train.log"
    for word in ("first", "second"):
        with log_to_file(path):
            LOGGER.info(word)
            logging.getLogger("ignite.engine").warning("of ignite")
            logging.getLogger("other").warning("of others")
        LOGGER.warning("afterwards")
    lines = path.read_text().splitlines()
    assert [line.split(" - ", 1)[1] for line in lines] == [
        "monai_genaug.training.a - INFO - first",
        "ignite.engine - WARNING - of ignite",
        "monai_genaug.training.a - INFO - second",
        "ignite.engine - WARNING - of ignite",
    ]


def test_logging_is_left_as_it_was_found_even_after_an_error(tmp_path):
    loggers = [logging.getLogger(name) for name in ("ignite", "monai_genaug")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    with pytest.raises(ZeroDivisionError), log_to_file(tmp_path / "train.log"):
        raise ZeroDivisionError
    assert [(logger.level, list(logger.handlers)) for logger in loggers] == before


def test_where_nothing_is_logged_no_file_is_made(tmp_path):
    with log_to_file(tmp_path / "train.log"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_muted_logger_is_silent_only_meanwhile(caplog):
    with muted(LOGGER.name):
        LOGGER.warning("not heard")
    with pytest.raises(ZeroDivisionError), muted(LOGGER.name):
        raise ZeroDivisionError
    LOGGER.warning("heard")
    assert [record.message for record in caplog.records] == ["heard"]
