"""Objects of a generator in backgrounds of real images, of which no label is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from monai_genaug.generators.base import ConditionalGenerator, check_generator
from monai_genaug.generators.editing import EditingGenerator
from monai_genaug.networks.backgrounds import BackgroundBank


class BackgroundGenerator(ConditionalGenerator):
    """Writes another generator's objects into backgrounds of a bank, one drawn for each seed.

    The bank may be fitted to images without labels, in which a segmentation network found the objects: they are
    replaced by background of the other generator, and the image's label is the new one alone. So debris and pale cells
    of unlabelled images, which no mask tells of, come to stand beside new objects.

    Args:
        generator: writes the objects of another one into images.
        backgrounds: of as many channels.

    Raises:
        ValueError: if `generator` does not edit, or the bank does not fit it.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> white = ModuleGenerator(nn.Identity(), spatial_dims=2, image_channels=1, encoding=BinaryEncoding(),
        ...                         output_range=(0, 1))
        >>> bank = BackgroundBank.fit([torch.full((1, 16, 16), 0.25)], [torch.zeros(1, 16, 16)], side=16)
        >>> generator = BackgroundGenerator(EditingGenerator(white, margin=1), bank)
        >>> label = torch.zeros(1, 1, 1, 7, dtype=torch.int64)
        >>> generator.sample(generator.encode(label), seeds=[3])
        tensor([[[[0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500]]]])
    """

    def __init__(self, generator: EditingGenerator, backgrounds: BackgroundBank) -> None:
        check_generator(generator, EditingGenerator, "EditingGenerator(load_generator(name_or_dir))")
        super().__init__(**generator.traits)
        held = backgrounds.images.shape
        if (held[1], len(held) - 2) != (self.image_channels, self.spatial_dims):
            raise ValueError(
                f"backgrounds are {len(held) - 2}D with {held[1]} channels, {generator.name} makes "
                f"{self.spatial_dims}D images with {self.image_channels}: fit the bank to such images."
            )
        self.generator, self.backgrounds = generator, backgrounds
        parts = {"generator": generator.network, "backgrounds": backgrounds}
        self.network = nn.ModuleDict({name: part for name, part in parts.items() if part is not None})

    @property
    def condition_channels(self) -> int:
        """Channels of the condition of the generator that makes the objects."""
        return self.generator.generator.condition_channels

    @property
    def name(self) -> str:
        """What messages call this generator."""
        return f"BackgroundGenerator({self.generator.name})"

    def generate(self, condition: Tensor, *, seeds: Sequence[int]) -> Tensor:
        """Make images (B, C, *S) in [0, 1]: objects of the conditions (B, K, *S), each in a background of its seed."""
        image, known = self.backgrounds.draw(seeds, condition.shape[2:])
        edited = torch.cat((condition, image.to(condition), known.to(condition)), dim=1)
        return self.generator.generate(edited, seeds=seeds)
