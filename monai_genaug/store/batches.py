"""One batch of a store: its samples are made together, and each is written as two files."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.transforms import Randomizable
from torch import Tensor

from monai_genaug._rng import derive_seed
from monai_genaug.data import write_image, write_label
from monai_genaug.generators.base import ConditionalGenerator
from monai_genaug.store.masks import Draw, MaskSource
from monai_genaug.store.records import Sample, describe_files
from monai_genaug.synthesis import Accept, synthesize


class Maker:
    """Makes the samples of a batch; a sample is a function of the settings and of its number.

    A batch is always made whole, also where a store ends within it, since what shares a batch with a sample decides how
    its sums are rounded. Samples of different sizes are made one size after the other.

    Args:
        generator: makes the images.
        source: of labels.
        sampler: makes new labels of them; None keeps them.
        accept: may refuse images, see `synthesize`.
        seed: from which the seeds of samples derive.
        batch_size: samples of a batch.
        bits: of images, see `write_image`.
    """

    def __init__(
        self,
        generator: ConditionalGenerator,
        source: MaskSource,
        sampler: Randomizable | None,
        accept: Accept | None,
        *,
        seed: int,
        batch_size: int,
        bits: int | None,
    ) -> None:
        self.generator, self.source, self.sampler, self.accept = generator, source, sampler, accept
        self.seed, self.batch_size, self.bits = seed, batch_size, bits

    def numbers(self, batch: int, count: int) -> range:
        """Give the numbers of the samples of a batch, in a store of so many samples."""
        return range(batch * self.batch_size, min((batch + 1) * self.batch_size, count))

    def make(self, folder: Path, batch: int, count: int) -> list[Sample]:
        """Make a batch, and write the files of its samples.

        Args:
            folder: of the store.
            batch: its number.
            count: samples of the store; of the last batch those beyond are not written.

        Returns:
            What is to be recorded of each sample.

        Raises:
            ValueError: if a mask, a sampler or the generator does not fit, or memory does not suffice.
        """
        first = batch * self.batch_size
        draws = [self.source.draw(number) for number in range(first, first + self.batch_size)]
        seeds = [derive_seed(self.seed, "sample", number) for number in range(first, first + self.batch_size)]
        try:
            pairs = self._synthesize([draw.label for draw in draws], seeds)
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"{self.batch_size} samples at a time do not fit into the memory of {self.generator.device}: begin a "
                "store with a smaller --batch."
            ) from error
        return [
            self._write(folder, number, draws[number - first], seeds[number - first], pairs[number - first])
            for number in self.numbers(batch, count)
        ]

    def _synthesize(self, labels: list[Tensor], seeds: list[int]) -> list[tuple[Tensor, Tensor] | None]:
        """Give image and label of each row; None where none was let through."""
        pairs: list[tuple[Tensor, Tensor] | None] = [None] * len(labels)
        rows_of: dict[tuple[int, ...], list[int]] = {}
        for row, label in enumerate(labels):
            rows_of.setdefault(tuple(label.shape), []).append(row)
        for rows in rows_of.values():
            made = synthesize(
                self.generator,
                torch.stack([labels[row] for row in rows]),
                [seeds[row] for row in rows],
                mask_sampler=self.sampler,
                accept=self.accept,
            )
            for row, image, label, accepted in zip(rows, made.images, made.labels, made.accepted, strict=True):
                pairs[row] = (image, label) if accepted else None
        return pairs

    def _write(self, folder: Path, number: int, draw: Draw, seed: int, pair: tuple[Tensor, Tensor] | None) -> Sample:
        """Write the files of a sample, and give what is to be recorded of it."""
        sample: Sample = {"index": number, "seed": seed}
        if pair is None:
            return {**sample, "refused": True}
        image, label = pair
        image_file = write_image(
            folder / "images" / draw.name, image, like=draw.like, affine=draw.affine, bits=self.bits
        )
        label_file = write_label(
            folder / "labels" / draw.name, label, like=draw.like, affine=draw.affine, dtype=draw.dtype
        )
        return {**sample, "group": draw.group, **describe_files(folder, image_file, label_file)}
