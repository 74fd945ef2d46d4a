"""A full disk is told as such."""

from __future__ import annotations

import errno

import pytest

from monai_genaug.benchmark.disk import is_full, saying_when_full


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_it_is_found_however_deep(number):
    assert is_full(chained(RuntimeError("expression"), chained(ValueError("config"), OSError(number, "no room"))))


def test_other_errors_are_none():
    assert not is_full(chained(RuntimeError(), OSError(errno.EACCES, "")))


def test_a_chain_that_bites_its_tail_ends():
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert not is_full(first)


def test_the_remedy_is_said():
    told = "the disk is full; free some space and run the same command again"
    with pytest.raises(OSError, match=told) as caught, saying_when_full():
        raise RuntimeError("deep") from OSError(errno.ENOSPC, "no room")
    assert caught.value.errno == errno.ENOSPC


def test_other_errors_pass():
    with pytest.raises(KeyError), saying_when_full():
        raise KeyError
