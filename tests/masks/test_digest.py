from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from monai.transforms import Randomizable

from monai_genaug.masks.digest import digest_sampler


@dataclass
class Part:
    size: float


class Sampler(Randomizable):
    def __init__(self, **attributes) -> None:
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, "1"),
        (1, 1.0),
        ([1, 23], [12, 3]),
        (np.zeros(3), np.zeros(4)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(3, np.int8), np.zeros(3, np.uint8)),
        ({"a": 1}, {"b": 1}),
        (Part(1.0), Part(2.0)),
        ([Part(1.0)], [Part(1.0), Part(1.0)]),
    ],
    ids=str,
)
def test_different_contents_differ_and_equal_ones_agree(one, other):
    assert digest_sampler(Sampler(part=one)) != digest_sampler(Sampler(part=other))
    assert digest_sampler(Sampler(part=one)) == digest_sampler(pickle.loads(pickle.dumps(Sampler(part=one))))


def test_random_state_and_what_was_drawn_do_not_count():
    plain, used = Sampler(size=3), Sampler(size=3, _drawn=np.ones(3)).set_random_state(seed=5)
    used.R.rand()
    assert digest_sampler(plain) == digest_sampler(used)


def test_no_sampler_has_a_digest_too():
    assert digest_sampler(None) == "none"


def test_what_cannot_be_hashed_is_named():
    with pytest.raises(ValueError, match="holds a generator, expected numbers"):
        digest_sampler(Sampler(part=(i for i in range(3))))
