"""Whether an image shows the mask that it was made from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from monai_genaug._checks import check_at_least, check_probability
from monai_genaug._tensors import pad_to_multiple
from monai_genaug.metrics.overlap import dice_and_jaccard
from monai_genaug.quality.gate import Gate, digest_tensors


class MaskFaithfulness(Gate):
    """Lets images through in which a segmentation network finds the mask again.

    The network must have been trained on the real images that the generator was trained on, and no others, or else it
    brings in what the comparison is to do without. Images that it finds hard go too: a high threshold keeps easy ones
    only. Where neither has foreground, the Dice is 1.

    Args:
        segmenter: gives logits of the foreground (B, 1, *S) of images (B, C, *S) in [0, 1]; a network, which is put
            into eval mode, or a function. To be sent to spawned workers it must be picklable.
        least_dice: between the mask and what is found, in [0, 1].
        stride: the network takes sizes that are multiples of this; images are padded to them by repetition.

    Raises:
        ValueError: if `least_dice` is out of its range.

    Example:
        >>> import torch
        >>> gate = MaskFaithfulness(lambda images: images - 0.5, least_dice=0.9)
        >>> label = torch.tensor([[[[0, 1], [0, 2]]]])
        >>> gate((label > 0).float(), label), gate(1.0 - (label > 0).float(), label), gate.rate
        (tensor([True]), tensor([False]), 0.5)
    """

    def __init__(
        self, segmenter: nn.Module | Callable[[Tensor], Tensor], *, least_dice: float = 0.7, stride: int = 16
    ) -> None:
        super().__init__()
        self.least_dice = check_probability("least_dice", least_dice)
        self.segmenter = segmenter.eval() if isinstance(segmenter, nn.Module) else segmenter
        check_at_least(1, stride=stride)
        self.stride = stride

    @property
    def identity(self) -> str:
        """Threshold, and what the network's weights are; of a function its name."""
        network = self.segmenter
        named = digest_tensors(network.state_dict().values()) if isinstance(network, nn.Module) else repr(network)
        return f"{type(self).__name__}(least_dice={self.least_dice:g}, stride={self.stride}, segmenter={named})"

    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Segment the images and compare."""
        device = next(self.segmenter.parameters()).device if isinstance(self.segmenter, nn.Module) else images.device
        padded = pad_to_multiple(images.to(device, torch.float32), self.stride)
        window = (slice(None), slice(None), *(slice(0, side) for side in images.shape[2:]))
        found = self.segmenter(padded)[window].cpu() > 0
        dice = [dice_and_jaccard(*pair)["dice"] for pair in zip(found, labels.cpu(), strict=True)]
        return torch.tensor(dice) >= self.least_dice
