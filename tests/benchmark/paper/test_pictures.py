"""Images of some masks in the course of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monai_genaug.benchmark.paper.pictures import Snapshots, write_figure

LENGTH = 4  # iterations of an epoch


class Saver:
    """Stands for a training that saves its generator after each epoch."""

    def __init__(self, folder: Path, epochs: list[int], saved: int = 0) -> None:
        self.saved = saved
        self.snapshots = Snapshots(folder, epochs, LENGTH, lambda: [torch.full((1, 2, 2), float(self.saved))])

    def run(self, iterations: range) -> None:
        for done in iterations:
            self.snapshots(done, 5 * LENGTH, {})
            if done % LENGTH == 0:
                self.saved = done // LENGTH

    def levels(self) -> list[float]:
        return [images[0].mean().item() for images in self.snapshots.load()]


def test_each_chosen_epoch_keeps_what_was_saved_after_it(tmp_path):
    training = Saver(tmp_path, [1, 3, 5])
    training.run(range(1, 21))
    training.snapshots.take(5)
    assert training.levels() == [1, 3, 5]


@pytest.mark.parametrize(
    ("stopped", "saved", "goes_on"),
    [(10, 2, 9), (12, 3, 13), (12, 3, 9)],
    ids=["in an epoch", "between epochs", "between saving the weights and the checkpoint"],
)
def test_a_stop_changes_nothing(tmp_path, stopped, saved, goes_on):
    Saver(tmp_path, [2, 3, 4]).run(range(1, stopped + 1))
    again = Saver(tmp_path, [2, 3, 4], saved)
    again.run(range(goes_on, 21))
    assert again.levels() == [2, 3, 4]


def test_missing_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"epoch_0002\.pt is missing, .* run again"):
        Saver(tmp_path, [2]).levels()


def test_the_figure_holds_every_image_in_its_row_and_column(tmp_path):
    dark, bright = torch.zeros(1, 40, 40), torch.ones(1, 40, 40)
    label = torch.zeros(1, 40, 40, dtype=torch.int64)
    rows = [("A", [label, dark, bright]), ("B", [label, bright, dark])]
    pixels = np.asarray(Image.open(write_figure(tmp_path / "a.png", ["mask", "original", "iteration 4"], rows)))
    is_black = (pixels == 0).all(axis=2)
    middle = pixels.shape[1] // 2
    height = pixels.shape[0] // 2
    assert is_black[:height, middle:].any()
    assert is_black.sum() == 2 * 160 * 160  # 40 pixels, four times as large, once a row


def test_images_of_other_sizes_and_colours_are_drawn(tmp_path):
    rows = [("A", [torch.zeros(1, 300, 200, dtype=torch.int64), torch.rand(3, 300, 200)])]
    width, height = Image.open(write_figure(tmp_path / "a.png", ["mask", "original"], rows)).size
    assert 176 < height < 300
    assert 2 * 117 < width < 500
