from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow

from monai_genaug.data import load_datalist, load_items, read_array, write_array
from monai_genaug.generators import load_generator
from monai_genaug.generators.folders import digest_generator, find_bundle
from monai_genaug.training.inference import check_output, prepare_seeded
from tests.helpers import blobs, save_untrained

BUNDLE = find_bundle("nuclei_pix2pix")
SHARED = BUNDLE.parent / "shared"


def infer(
    masks: Path, out: Path, generator: Path, *, files: tuple[Path, ...] = (SHARED / "inference.yaml",), **overrides
) -> Path:
    """Run inference.yaml as `monai.bundle run` does."""
    workflow = ConfigWorkflow(
        config_file=[str(file) for file in files],
        logging_file=False,
        workflow_type="infer",
        meta_file=str(BUNDLE / "configs/metadata.json"),
        bundle_root=str(BUNDLE),
        masks_dir=str(masks),
        output_dir=str(out),
        generator_dir=str(generator),
        device="cpu",
        **overrides,
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()
    return out


@pytest.fixture(scope="module")
def generator(tmp_path_factory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("generator"))


@pytest.fixture
def masks(tmp_path) -> Path:
    write_array(tmp_path / "masks/a.png", blobs((20, 24), 0).numpy().astype(np.uint8))
    write_array(tmp_path / "masks/b.png", 300 * blobs((17, 33), 1).numpy().astype(np.uint16))
    return tmp_path / "masks"


def messages(error: BaseException | None) -> str:
    """What was said by an error and by those that MONAI's parser wrapped."""
    return f"{error} {messages(error.__cause__)}" if error else ""


def test_the_output_is_a_data_set_of_images_with_their_masks(masks, tmp_path, generator):
    out = infer(masks, tmp_path / "out", generator)
    items = load_datalist(out, fractions=(1, 0, 0))["training"]
    assert [Path(item["image"]).relative_to(out).as_posix() for item in items] == ["images/a.png", "images/b.png"]
    assert [item["group"] for item in items] == ["a", "b"]
    for item in items:
        mask = masks / Path(item["label"]).name
        assert Path(item["label"]).read_bytes() == mask.read_bytes()
        image = read_array(item["image"])[0]
        assert (image.shape, image.dtype) == (read_array(mask)[0].shape, np.uint8)
    assert [tuple(item["image"].shape) for item in load_items(items)] == [(1, 20, 24), (1, 17, 33)]


def test_an_image_is_what_the_generator_makes_of_mask_and_noted_seed(masks, tmp_path, generator):
    item = load_datalist(infer(masks, tmp_path / "out", generator, seed=3), fractions=(1, 0, 0))["training"][1]
    network = load_generator(generator)
    label = torch.from_numpy(read_array(masks / "b.png")[0].astype(np.int64))[None]
    expected = (network.sample(network.encode(label), seeds=[item["seed"]])[0] * 255).round()
    assert np.abs(read_array(item["image"])[0].astype(int) - expected.numpy()).max() <= 1  # of 255


def test_an_image_does_not_hang_on_the_other_masks_nor_on_their_number(masks, tmp_path, generator):
    files = (BUNDLE / "configs/network.yaml", SHARED / "inference.yaml")
    both = infer(masks, tmp_path / "both", generator, per_mask=2, files=files)
    (masks / "a.png").unlink()
    one = infer(masks, tmp_path / "one", generator)
    images = [both / "images/b_0.png", one / "images/b.png", both / "images/b_1.png"]
    first, again, other = (path.read_bytes() for path in images)
    assert first == again != other


def test_several_images_of_a_mask_are_numbered_and_of_one_group(masks, tmp_path, generator):
    out = infer(masks, tmp_path / "out", generator, per_mask=2)
    items = json.loads((out / "dataset.json").read_text())["training"]
    assert [item["image"] for item in items] == [f"images/{n}.png" for n in ("a_0", "a_1", "b_0", "b_1")]
    assert [item["label"] for item in items] == [f"labels/{n}.png" for n in ("a_0", "a_1", "b_0", "b_1")]
    assert [item["group"] for item in items] == ["a", "a", "b", "b"]


def test_the_list_tells_generator_and_seed(masks, tmp_path, generator):
    content = json.loads((infer(masks, tmp_path / "out", generator, seed=7) / "dataset.json").read_text())
    assert content["source"] == f"generator {digest_generator(generator)}, seed 7"


def test_masks_of_one_size_can_go_in_batches(tmp_path, generator):
    for number in range(3):
        write_array(tmp_path / f"masks/{number}.png", blobs((16, 16), number).numpy().astype(np.uint8))
    alone = infer(tmp_path / "masks", tmp_path / "alone", generator)
    together = infer(tmp_path / "masks", tmp_path / "together", generator, batch_size=2)
    for number in range(3):
        one, two = (read_array(out / f"images/{number}.png")[0].astype(int) for out in (alone, together))
        assert np.abs(one - two).max() <= 1


def test_volumes_keep_their_affine(tmp_path):
    affine = np.array([[-1.5, 0, 0, 4], [0, 2.0, 0, 5], [0, 0, 3.0, 6], [0, 0, 0, 1]])
    write_array(tmp_path / "masks/v.nii.gz", blobs((10, 9, 8), 0).numpy().astype(np.uint8), affine)
    generator = save_untrained(tmp_path / "generator", spatial_dims=3)
    out = infer(tmp_path / "masks", tmp_path / "out", generator)
    image, meta = read_array(out / "images/v.nii.gz")
    assert (image.shape, image.dtype) == ((1, 10, 9, 8), np.float32)
    assert 0 <= image.min() < image.max() <= 1
    np.testing.assert_allclose(meta["affine"], affine)
    assert (out / "labels/v.nii.gz").read_bytes() == (tmp_path / "masks/v.nii.gz").read_bytes()


def test_nothing_is_written_where_one_mask_is_wrong(masks, tmp_path, generator):
    write_array(masks / "c.tif", np.full((1, 8, 8), 0.5, np.float32))
    with pytest.raises(RuntimeError) as caught:
        infer(masks, tmp_path / "out", generator)
    assert "c.tif is no mask" in messages(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_bundle_without_weights_says_what_is_missing(masks, tmp_path):
    (tmp_path / "bundle/configs").mkdir(parents=True)
    (tmp_path / "bundle/configs/network.yaml").write_bytes((BUNDLE / "configs/network.yaml").read_bytes())
    with pytest.raises(RuntimeError) as caught:
        infer(masks, tmp_path / "out", tmp_path / "bundle")
    assert "models/model.pt missing" in messages(caught.value)


def test_other_files_are_not_written_over_unless_it_is_wished(masks, tmp_path, generator):
    out = infer(masks, tmp_path / "out", generator)
    before = (out / "images/a.png").read_bytes()
    with pytest.raises(RuntimeError) as caught:
        infer(masks, out, generator, seed=1)
    assert "is not empty" in messages(caught.value)
    assert (out / "images/a.png").read_bytes() == before
    infer(masks, out, generator, seed=1, overwrite=True)
    assert (out / "images/a.png").read_bytes() != before


def test_an_output_folder_that_holds_the_masks_is_refused(masks):
    for folder in (masks, masks.parent):
        with pytest.raises(ValueError, match="holds masks_dir"):
            check_output(folder, masks_dir=masks, overwrite=True)


def test_an_output_folder_that_is_a_file_is_refused(masks):
    with pytest.raises(ValueError, match="is a file"):
        check_output(masks / "a.png", masks_dir=masks, overwrite=True)


def test_a_batch_with_images_has_them_as_targets():
    batch = {
        "label": torch.arange(2).reshape(2, 1, 1, 1),
        "image": torch.rand(2, 3, 1, 1),
        "seed": torch.tensor([[5, 6], [7, 2**62 + 1]]),
    }
    labels, images, (seeds,), kwargs = prepare_seeded(batch, "cpu")
    assert labels.flatten().tolist() == [0, 0, 1, 1]
    assert torch.equal(images, batch["image"])
    assert seeds == [5, 6, 7, 2**62 + 1]
    assert kwargs == {}
