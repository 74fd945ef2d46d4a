from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_genaug._rng import MAX_SEED, derive_seed, draw_seed, seeded_randn


@given(st.integers(0, MAX_SEED), st.text(max_size=5), st.integers(0, 9))
def test_derived_seeds_are_valid_and_depend_on_all_names(seed: int, name: str, number: int):
    derived = derive_seed(seed, name, number)
    assert 0 <= derived < MAX_SEED
    assert derived != derive_seed(seed, name, number + 1)
    assert derived != derive_seed(seed + 1, name, number)


def test_names_do_not_run_into_each_other():
    assert derive_seed(1, "ab", "c") != derive_seed(1, "a", "bc")
    assert derive_seed(1, 1) != derive_seed(1, "1")


def test_derived_seeds_are_equal_in_every_process():
    code = "from monai_genaug._rng import derive_seed; print(derive_seed(12, 'mask', 3))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == derive_seed(12, "mask", 3)


def test_drawn_seeds_use_all_63_bits_and_repeat_with_the_state():
    seeds = [draw_seed(np.random.RandomState(0))] * 2 + [draw_seed(np.random.RandomState(n)) for n in range(1, 50)]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 50
    assert max(seeds) > 2**61


def test_seeded_noise_rows_are_independent_of_each_other_and_of_the_global_generator():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    noise = seeded_randn((2, 64, 64), [3, 4])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(seeded_randn((2, 64, 64), [4])[0], noise[1])
    assert not torch.equal(noise[0], noise[1])
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02
    assert seeded_randn((2, 3), []).shape == (0, 2, 3)
