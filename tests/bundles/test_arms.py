"""Both arms of a comparison see the same crops, but for those that are replaced by synthetic pairs."""

from __future__ import annotations

import torch
from monai.bundle import ConfigParser

from benchmarks._common import read_bundle
from monai_genaug.data import load_datalist
from tests.helpers import save_untrained, write_pairs


def loader(data, **changes) -> list[dict[str, torch.Tensor]]:
    small = {"crop_size": 16, "batch_size": 4, "iterations_per_epoch": 6, "device": "cpu"}
    parser: ConfigParser = read_bundle(
        "nuclei_unet", {**small, "datalist": load_datalist(data, fractions=(1, 0, 0)), **changes}
    )
    return list(parser.get_parsed_content("train#dataloader"))


def test_crops_that_are_not_replaced_are_bit_for_bit_those_of_the_other_arm(tmp_path):
    data, generator = write_pairs(tmp_path / "data", 5, (32, 40)), save_untrained(tmp_path / "generator")
    plain = loader(data)
    augmented = loader(data, generator=str(generator), genaug_prob=0.5)
    images = [torch.cat([batch["image"] for batch in side]) for side in (plain, augmented)]
    labels = [torch.cat([batch["label"] for batch in side]) for side in (plain, augmented)]
    kept = (images[0] == images[1]).flatten(1).all(dim=1)
    assert 4 <= int(kept.sum()) <= 20  # of 24
    assert torch.equal(labels[0][kept], labels[1][kept])
    assert not torch.equal(labels[0][~kept], labels[1][~kept])
