"""Seeds of a batch's rows, and rows that are replaced."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.transforms.rows import draw_rows, replace_rows
from tests.helpers import blobs, build


def test_seeds_follow_from_step_and_seed_and_differ_between_steps_rows_and_seeds():
    one = draw_rows({}, 3, step=1, seed=0)
    assert one == draw_rows({}, 3, step=1, seed=0)
    assert len({*one, *draw_rows({}, 3, step=2, seed=0), *draw_rows({}, 3, step=1, seed=1)}) == 9


def test_seeds_of_draws_do_not_depend_on_their_batch():
    assert draw_rows({"draw": torch.tensor([3, 4])}, 2) + draw_rows({"draw": [5]}, 1) == draw_rows(
        {"draw": [3, 4, 5]}, 3
    )


def test_a_step_goes_before_draws_and_given_seeds_before_both():
    batch = {"draw": torch.tensor([3, 4])}
    assert draw_rows(batch, 2, step=1) == draw_rows({}, 2, step=1) != draw_rows(batch, 2)
    assert draw_rows(batch, 2, seeds=torch.tensor([8, 9])) == [8, 9]


def test_random_numbers_that_would_repeat_in_each_step_are_refused():
    with pytest.raises(ValueError, match="pass step=step"):
        draw_rows({}, 2, seed=3)


@pytest.mark.parametrize("given", [{"seeds": [1, 2, 3]}, {"seeds": [1, 2], "step": 0}], ids=["too many", "and a step"])
def test_seeds_that_do_not_fit_are_refused(given):
    with pytest.raises(ValueError, match="expected one seed a row or a step"):
        draw_rows({}, 2, **given)


def test_the_generator_is_not_loaded_where_no_row_is_replaced():
    def load():
        raise AssertionError

    image, label = torch.rand(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    assert replace_rows(image, label, [1, 2], 0.0, load) == (image, label, [])


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 3, 4, 4), (1, 1, 4, 4), (2, 1, 4, 5)], ids=str)
def test_labels_that_do_not_belong_to_the_images_are_refused_even_if_no_row_is_replaced(shape):
    with pytest.raises(ValueError, match=r"expected \(B, C, \*S\) and \(B, 1, \*S\)"):
        replace_rows(torch.rand(2, 1, 4, 4), torch.zeros(shape), [1, 2], 0.0, build)


def test_the_callers_autocast_is_meant_for_another_network():
    generator = build()
    image, label = torch.rand(2, 1, 16, 16), torch.stack([blobs((16, 16), seed) for seed in range(2)])
    plain = replace_rows(image, label, [1, 2], 1.0, lambda: generator)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(replace_rows(image, label, [1, 2], 1.0, lambda: generator)[0], plain)
