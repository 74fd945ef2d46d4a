"""Which cells there are, in which order, and who runs them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monai_genaug.benchmark.grid.cells import Cell, choose_shard, list_cells, parse_shard
from monai_genaug.benchmark.grid.plan import GridPlan
from monai_genaug.benchmark.plan import choose_setting
from tests.benchmark.grid.conftest import content


def cells(*parts, **changes) -> list[Cell]:
    return list_cells(GridPlan.of(choose_setting(content(*parts, **changes), "short")))


def test_generators_and_shares_multiply_the_arms_that_use_them_and_no_others():
    arms = ["none", "classic", "copy_paste", "genaug", "classic+genaug", "synthetic_only"]
    found = cells({"labelled": [2], "arms": arms, "generators": ["pix2pix", "edits"], "shares": [0.25, 0.5]})
    assert [(cell.arm, cell.generator, cell.share) for cell in found] == [
        ("none", None, 0.0),
        ("classic", None, 0.0),
        ("copy_paste", None, 0.25),
        ("copy_paste", None, 0.5),
        *(("genaug", name, share) for name in ("pix2pix", "edits") for share in (0.25, 0.5)),
        *(("classic+genaug", name, share) for name in ("pix2pix", "edits") for share in (0.25, 0.5)),
        ("synthetic_only", "pix2pix", 1.0),
        ("synthetic_only", "edits", 1.0),
    ]


def test_entries_come_one_after_the_other_and_what_is_twice_comes_once():
    first = {"labelled": [2], "arms": ["classic"], "seeds": [0, 1]}
    found = cells(first, {**first, "labelled": [2, 3], "arms": ["none", "classic"], "seeds": [0]})
    assert [(cell.labelled, cell.seed, cell.arm) for cell in found] == [
        (2, 0, "classic"),
        (2, 1, "classic"),
        (2, 0, "none"),
        (3, 0, "none"),
        (3, 0, "classic"),
    ]


def test_each_segmenter_is_trained_in_each_arm():
    nets = {"unet": {}, "wide": {"features": [8, 16]}}
    found = cells({"labelled": [2], "arms": ["none", "classic"]}, segmenters=nets)
    assert [(cell.segmenter, cell.arm) for cell in found] == [
        ("unet", "none"),
        ("unet", "classic"),
        ("wide", "none"),
        ("wide", "classic"),
    ]


@given(count=st.integers(1, 7), blocks=st.integers(1, 9))
def test_shards_share_out_all_cells_without_parting_a_block(count, blocks):
    everything = [Cell("a", 6, seed, "unet", arm, None, 0.0) for seed in range(blocks) for arm in ("none", "classic")]
    shards = [choose_shard(everything, (number, count)) for number in range(1, count + 1)]
    assert sorted(cell for shard in shards for cell in shard) == sorted(everything)
    owners = [{cell.block for cell in shard} for shard in shards]
    assert sum(map(len, owners)) == blocks
    assert max(map(len, owners)) - min(map(len, owners)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", ""])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ValueError, match=r"expected i/n with i from 1 to n: write 1/4"):
        parse_shard(text)
