"""Fluorescence-like images of nuclei, drawn from scratch: free demo and test data with exact instance labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monai_genaug._checks import check_at_least, check_probability, check_spatial_dims
from monai_genaug._rng import derive_seed
from monai_genaug.data.splits import SPLITS
from monai_genaug.data.writers import write_array, write_dataset
from monai_genaug.masks.instances import separate_instances
from monai_genaug.masks.procedural.star_convex import Floats, PlaneWaves, rim_distance

MAX_NUCLEI = 60_000  # on average: a uint16 label numbers 65535
TRIES = 24
READ_NOISE = 2.0  # photons


class NucleiPhantom(NamedTuple):
    """An image (1, *S) float32 in [0, 1] and its instance label (1, *S) uint16, 0 = background, 1..N = nuclei."""

    image: NDArray[np.float32]
    label: NDArray[np.uint16]


def nuclei_phantom(
    spatial_size: Sequence[int],
    *,
    seed: int,
    coverage: float = 0.2,
    radius: float = 9.0,
    contrast: float = 10.0,
    haze: float = 0.3,
    photons: float = 100.0,
) -> NucleiPhantom:
    """Draw nuclei as a fluorescence microscope shows them, with the label that belongs to them.

    Nuclei are star-convex bodies in loose clusters; some touch, none overlap, the border cuts some. The image has
    chromatin texture, differing brightness, out-of-focus nuclei, a point spread twice as wide along the first axis in
    3D, uneven light, shot and read noise. The same arguments give the same phantom in any process.

    Args:
        spatial_size: (Y, X) or (Z, Y, X) in voxels, each at least 1.
        seed: any integer.
        coverage: mean share of the image that is nuclei, from 0 to 1; crowding takes from large ones (0.3 gives 0.26).
        radius: typical radius of a nucleus, in voxels; the sizes are log-normal around it.
        contrast: brightness of a mean nucleus over that of the empty background, at least 1.01.
        haze: light of out-of-focus nuclei as a share of that of nuclei in focus, 0 for none; the label leaves them out.
        photons: photons that one voxel of a mean nucleus sends, background aside; fewer give a noisier image.

    Returns:
        `NucleiPhantom` of image (1, *S), float32 in [0, 1], and label (1, *S), uint16, numbered without gaps.

    Raises:
        ValueError: for a parameter out of its range, or where more than 60000 nuclei would be needed.

    Example:
        >>> image, label = nuclei_phantom((64, 96), seed=0)
        >>> image.shape, str(image.dtype), str(label.dtype)
        ((1, 64, 96), 'float32', 'uint16')
    """
    size = _check_size(spatial_size)
    check_probability("coverage", coverage)
    check_at_least(1, radius=radius)
    check_at_least(1.01, contrast=contrast)
    check_at_least(0, haze=haze)
    check_at_least(0.01, photons=photons)
    rng = np.random.default_rng(derive_seed(seed, "nuclei phantom"))
    crowd = PlaneWaves(rng, len(size), 16 * radius, count=16)  # where nuclei gather
    owner, light = _draw_layer(size, coverage, radius, crowd, rng)
    out_of_focus = _draw_layer(size, coverage, radius, crowd, rng)[1]
    light += haze * _blur(out_of_focus, 0.6 * radius) + 1 / (contrast - 1)
    light *= np.exp(
        0.2 * PlaneWaves(rng, len(size), 2.0 * max(size))(np.indices(size, dtype=np.float64))
    )  # uneven light
    image = _expose(_blur(light, 0.12 * radius), photons, rng)
    return NucleiPhantom(image[None], _number(owner)[None])


def write_nuclei_dataset(
    folder: str | Path,
    *,
    counts: Mapping[str, int] | None = None,
    spatial_size: Sequence[int] = (128, 128),
    seed: int = 0,
) -> Path:
    """Write phantoms of varying density and size as a data set of images and labels with a dataset.json.

    Args:
        folder: where to write; made where it is missing.
        counts: how many phantoms each split gets; training 6, validation 4 and test 20 where not given.
        spatial_size: size of each phantom: two numbers give PNG (8-bit image, 16-bit label), three give NIfTI.
        seed: any integer; each phantom depends on it, on its split and on its place there.

    Returns:
        Path of the dataset.json.

    Raises:
        ValueError: for a `spatial_size` or a count out of range, or a split of unknown name.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     written = write_nuclei_dataset(folder, counts={"training": 1}, spatial_size=(32, 32))
        ...     written.name, sorted(path.name for path in written.parent.iterdir())
        ('dataset.json', ['dataset.json', 'images', 'labels'])
    """
    folder = Path(folder)
    size = _check_size(spatial_size)
    counts = {"training": 6, "validation": 4, "test": 20} if counts is None else counts
    if not counts.keys() <= set(SPLITS) or counts.get("training", 0) < 1 or min(counts.values()) < 0:
        raise ValueError(
            f"counts are {dict(counts)}, expected numbers >= 0 for some of {', '.join(SPLITS)}, and at least 1 for "
            "training: pass for example {'training': 6}."
        )
    suffix = ".png" if len(size) == 2 else ".nii.gz"
    splits: dict[str, list[dict[str, str]]] = {split: [] for split in counts}
    for split, count in counts.items():
        for index in range(count):
            own_seed = derive_seed(seed, split, index)
            rng = np.random.default_rng(own_seed)
            coverage, radius = math.exp(rng.uniform(math.log(0.08), math.log(0.3))), rng.uniform(7.5, 10.5)
            phantom = nuclei_phantom(size, seed=own_seed, coverage=coverage, radius=radius)
            name = f"{split}_{index:03d}"
            item = {"image": f"images/{name}{suffix}", "label": f"labels/{name}{suffix}", "group": name}
            write_array(folder / item["image"], np.rint(phantom.image * 255).astype(np.uint8))
            write_array(folder / item["label"], phantom.label)
            splits[split].append(item)
    return write_dataset(
        folder,
        splits,
        name="nuclei phantoms",
        licence="CC0 1.0",
        source=f"drawn by monai_genaug.phantoms.write_nuclei_dataset with seed {seed}",
        label="16-bit instance map, 0 = background",
    )


def _check_size(spatial_size: Sequence[int]) -> tuple[int, ...]:
    """Return the size as a tuple of two or three positive ints."""
    size = tuple(int(n) for n in spatial_size)
    check_spatial_dims(len(size))
    if min(size) < 1:
        raise ValueError(
            f"spatial_size is {size}, expected at least 1 voxel along each axis: pass for example (64, 64)."
        )
    return size


def _draw_layer(
    size: tuple[int, ...], coverage: float, radius: float, crowd: PlaneWaves, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Draw the nuclei of one focal plane: the number of each voxel's owner and the light they send, both (*S)."""
    owner = np.zeros(size, dtype=np.int64)
    rim = np.ones(size)  # relative distance to the owner's centre: 0 there, 1 at its rim
    light = np.zeros(size)
    for number, (center, own_radius) in enumerate(_place(size, coverage, radius, crowd, rng), start=1):
        box, points, own_rim = _star_convex(center, own_radius, size, rng)
        chromatin = np.exp(0.25 * PlaneWaves(rng, len(size), 0.7 * radius, count=16)(points))
        brightness = rng.lognormal(-0.1, 0.4) * radius / own_radius  # condensed nuclei are bright
        nearer = own_rim < rim[box]  # a contested voxel goes to the nearer centre
        owner[box][nearer] = number
        rim[box][nearer] = own_rim[nearer]
        light[box][nearer] = (brightness * chromatin * (0.7 + 0.6 * np.sqrt(1 - np.minimum(own_rim, 1) ** 2)))[nearer]
    return owner, light


def _number(owner: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Number the connected regions of each owner 1..N (*S)."""
    separate = separate_instances(owner)
    present = np.bincount(separate.ravel()) > 0
    present[0] = False
    return np.cumsum(present)[separate].astype(np.uint16)


def _place(
    size: tuple[int, ...], coverage: float, radius: float, crowd: PlaneWaves, rng: np.random.Generator
) -> list[tuple[Floats, float]]:
    """Choose centres (D,) and radii of nuclei that touch at most, in the image and close around it."""
    dims, margin, spread = len(size), 1.5 * radius, 0.2
    room = math.prod(n + 2 * margin for n in size)
    volume = math.pi ** (dims / 2) / math.gamma(dims / 2 + 1) * radius**dims * math.exp((dims * spread) ** 2 / 2)
    if coverage * room / volume > MAX_NUCLEI:
        raise ValueError(
            f"coverage {coverage} of {size} needs about {coverage * room / volume:.0f} nuclei of radius {radius}, "
            f"expected at most {MAX_NUCLEI}: raise radius or lower coverage."
        )
    count = rng.poisson(coverage * room / volume)
    centers, radii = np.empty((count, dims)), np.empty(count)
    placed = 0
    for _ in range(count):
        own = radius * rng.lognormal(0.0, spread)
        tries = rng.uniform(-margin, np.array(size) - 1 + margin, (TRIES, dims))
        wanted = rng.uniform(size=TRIES) < 1 / (1 + np.exp(1.0 - 3.0 * crowd(tries.T)))
        gaps = np.linalg.norm(tries[:, None] - centers[:placed], axis=2) - 0.85 * (radii[:placed] + own)
        fits = np.flatnonzero(wanted & (gaps > 0).all(axis=1))
        if len(fits):
            centers[placed], radii[placed] = tries[fits[0]], own
            placed += 1
    return list(zip(centers[:placed], radii[:placed].tolist(), strict=True))


def _star_convex(
    center: Floats, radius: float, size: tuple[int, ...], rng: np.random.Generator
) -> tuple[tuple[slice, ...], Floats, Floats]:
    """Draw one body: its box in the image, the box's points (D, *box), and their distance to `center` (rim = 1)."""
    dims = len(size)
    axes = np.exp(rng.normal(0.0, 0.2, dims))
    axes /= math.prod(axes) ** (1 / dims)
    turn = np.linalg.qr(rng.normal(size=(dims, dims)))[0]
    roughness = PlaneWaves(rng, dims, 2.2)
    reach = 1.2 * radius * axes.max()
    low = np.clip(np.floor(center - reach), 0, size).astype(int)
    high = np.clip(np.ceil(center + reach) + 1, low, size).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    points = np.indices(high - low, dtype=np.float64)
    points += (low - center).reshape(-1, *[1] * dims)
    offsets = np.einsum("ij,j...->i...", turn / axes[:, None], points)
    return box, points, rim_distance(offsets, lambda directions: radius * (1 + 0.05 * roughness(directions)))


def _blur(field: Floats, sigma: float) -> Floats:
    """Blur (*S) by a Gaussian, twice as wide along the first axis in 3D."""
    from scipy import ndimage

    widths = (2 * sigma, sigma, sigma) if field.ndim == 3 else (sigma, sigma)
    return ndimage.gaussian_filter(field, widths, truncate=3.0)


def _expose(light: Floats, photons: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Count photons (*S), read them out with noise, and scale to [0, 1] by an exposure that differs between images."""
    counts = rng.poisson(light * photons) + rng.normal(0.0, READ_NOISE, light.shape)
    gain = 0.28 * rng.lognormal(0.0, 0.25)
    return np.clip(gain * counts / photons, 0, 1).astype(np.float32)
