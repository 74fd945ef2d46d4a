"""Where the masks of a store come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_genaug.data import write_array
from monai_genaug.store.masks import MaskSource, digest_masks, list_sources, open_source
from tests.helpers import blobs, write_pairs
from tests.store.made import write_masks


def test_files_of_a_folder_are_its_masks(tmp_path):
    found = list_sources(write_masks(tmp_path / "masks", 2))
    assert [(item["name"], item["group"]) for item in found] == [("m0", "m0"), ("m1", "m1")]


def test_a_data_set_without_splits_gives_the_share_that_is_trained_on(tmp_path):
    assert len(list_sources(write_pairs(tmp_path / "data", 10))) == 6


def test_masks_of_objects_in_folders_are_named_by_their_images(tmp_path):
    for name in ("x", "y", "z"):
        for part in ("images/i", "masks/0", "masks/1"):
            folder, file = part.split("/")
            stem = name if folder == "images" else file
            write_array(tmp_path / f"stage1_train/{name}/{folder}/{stem}.png", np.eye(8, dtype=np.uint8)[None])
    [item] = [item for item in list_sources(tmp_path) if item["group"] == "x"] or list_sources(tmp_path)[:1]
    assert item["name"] == item["group"]
    draw = MaskSource([item], None, seed=0, sampled=False).draw(0)
    assert (draw.label.max(), draw.dtype) == (1, np.uint16)


def test_names_that_are_not_fit_for_files_are_changed(tmp_path):
    for name in ("a b", "ä#1", "c"):
        write_array(tmp_path / f"{name}.png", blobs((8, 8), 0).numpy().astype(np.uint8))
    assert [item["name"] for item in list_sources(tmp_path)] == ["a_b", "c", "ä_1"]


def test_names_that_would_be_equal_are_numbered(tmp_path):
    for name in ("a b", "a#b"):
        write_array(tmp_path / f"{name}.png", blobs((8, 8), 0).numpy().astype(np.uint8))
    assert [item["name"] for item in list_sources(tmp_path)] == ["mask_000000", "mask_000001"]


def test_order_hangs_on_the_seed_and_changes_with_each_turn(tmp_path):
    masks = list_sources(write_masks(tmp_path / "masks", 12))

    def turn(number: int, seed: int) -> list[str]:
        source = MaskSource(masks, None, seed=seed, sampled=False)
        return [source.draw(12 * number + index).group for index in range(12)]

    assert turn(0, 0) == turn(0, 0)
    assert len({tuple(order) for order in (turn(0, 0), turn(1, 0), turn(0, 1))}) == 3
    assert {tuple(sorted(order)) for order in (turn(0, 0), turn(1, 0), turn(0, 1))} == {tuple(sorted(turn(0, 0)))}


def test_the_digest_tells_masks_names_and_groups_apart(tmp_path):
    masks = write_masks(tmp_path / "masks")
    before = digest_masks(open_source(masks, None, None, seed=0))
    assert before == digest_masks(open_source(masks, None, None, seed=1))
    (masks / "m0.png").rename(masks / "m.png")
    renamed = digest_masks(open_source(masks, None, None, seed=0))
    write_array(masks / "m.png", blobs((20, 24), 7).numpy().astype(np.uint16))
    assert len({str(found) for found in (before, renamed, digest_masks(open_source(masks, None, None, seed=0)))}) == 3


def test_labels_out_of_nothing_are_empty():
    draw = MaskSource([], (6, 7), seed=0, sampled=True).draw(41)
    assert (draw.label.shape, int(draw.label.max()), draw.name) == ((1, 6, 7), 0, "synthetic_000041")


@pytest.mark.parametrize("content", [{}, {"notes.txt": b""}])
def test_a_folder_without_masks_is_named(tmp_path, content):
    (tmp_path / "masks").mkdir()
    for name, text in content.items():
        (tmp_path / "masks" / name).write_bytes(text)
    with pytest.raises(ValueError, match=r"^--masks /.*(is empty|holds notes\.txt)"):
        list_sources(Path(tmp_path / "masks"))
