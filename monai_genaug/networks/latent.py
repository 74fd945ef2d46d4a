"""The networks of latent diffusion: an autoencoder, and a U-Net in its latent space that sees the whole condition."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from monai_genaug._checks import check_at_least
from monai_genaug._rebuildable import Rebuildable
from monai_genaug.networks.autoencoder import KLAutoencoder
from monai_genaug.networks.diffusion_unet import DiffusionUNet


def space_to_depth(image: Tensor, factor: int) -> Tensor:
    """Bring images to a lower resolution without loss: the voxels of each block become channels of one.

    Args:
        image: (B, K, *S), S multiples of `factor`.
        factor: side of a block.

    Returns:
        (B, K * factor**D, *S / factor).

    Example:
        >>> import torch
        >>> space_to_depth(torch.arange(8.0).reshape(1, 1, 2, 4), 2)[0, :, 0]
        tensor([[0., 2.],
                [1., 3.],
                [4., 6.],
                [5., 7.]])
    """
    sizes = [size // factor for size in image.shape[2:]]
    blocks, inner, outer = [image.shape[0], image.shape[1]], [0, 1], [2, 4, 6][: len(sizes)]
    for axis, size in zip(outer, sizes):  # noqa: B905 - TorchScript knows no strict
        blocks += [size, factor]
        inner.append(axis + 1)
    return image.reshape(blocks).permute(inner + outer).reshape([image.shape[0], -1] + sizes)


class LatentDenoiser(nn.Module):
    """Lets a `DiffusionUNet` see, beside noisy latents, a condition of the images' resolution.

    Each block of the condition becomes the channels of one voxel, so that thin boundaries and small objects are seen as
    they are, where a mean or every n-th voxel would lose them. With the U-Net's first convolution that is a strided
    convolution which sees three blocks along each axis.

    Args:
        unet: whose `in_channels` are those of the condition times ``factor**spatial_dims``.
        factor: how many voxels of the image one of the latents has along each axis.
    """

    def __init__(self, unet: DiffusionUNet, factor: int) -> None:
        super().__init__()
        self.unet, self.factor = unet, factor

    def forward(
        self, condition: Tensor, x: Tensor | None = None, time: Tensor | None = None, known: bool = True
    ) -> Tensor:
        """Predict what the training's target was at noisy latents.

        Args:
            condition: (B, K, *S) in [0, 1].
            x: noisy latents (B, Z, *S / factor); the mean 0 of noise if left out.
            time: (B,), from 0, latents without noise, to 1, noise alone; 1 if left out.
            known: False to withhold the condition.

        Returns:
            Prediction (B, Z, *S / factor), without bounds.
        """
        predicted: Tensor = self.unet(space_to_depth(condition, self.factor), x, time, known)
        return predicted


class LatentDiffusionUNet(Rebuildable, nn.Module):
    """An autoencoder and the U-Net that makes its latents from a condition (Rombach et al. 2022).

    The two are trained one after the other: `autoencoder`, then `denoiser`.

    Args:
        autoencoder: the first stage.
        in_channels: channels K of the condition.
        channels: features of each level of the U-Net, as of `DiffusionUNet`; the first level is that of the latents.
        res_blocks: residual blocks of each of its levels on the way down; there is one more on the way up.
        norm_groups: groups of its group norms, of which all features are multiples.
        condition_dropout: probability that a row's condition is withheld, in training only, for guidance.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> import torch
        >>> autoencoder = KLAutoencoder(2, image_channels=3, channels=(8, 16), norm_groups=4)
        >>> network = LatentDiffusionUNet(autoencoder, in_channels=1, channels=(8, 16), norm_groups=4)
        >>> network.stride, network(torch.zeros(1, 1, 16, 24)).shape
        (4, torch.Size([1, 3, 16, 24]))
    """

    def __init__(
        self,
        autoencoder: KLAutoencoder,
        in_channels: int,
        *,
        channels: Sequence[int] = (32, 64, 128),
        res_blocks: int = 1,
        norm_groups: int = 8,
        condition_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_at_least(1, in_channels=in_channels)
        self.spatial_dims = autoencoder.spatial_dims
        self.in_channels, self.out_channels = in_channels, autoencoder.image_channels
        unet = DiffusionUNet(
            autoencoder.spatial_dims,
            in_channels * autoencoder.stride**autoencoder.spatial_dims,
            autoencoder.latent_channels,
            channels=channels,
            res_blocks=res_blocks,
            norm_groups=norm_groups,
            condition_dropout=condition_dropout,
        )
        self.condition_dropout = unet.condition_dropout
        self.stride = autoencoder.stride * unet.stride
        self.least_size = autoencoder.stride * unet.least_size
        self.denoiser = LatentDenoiser(unet, autoencoder.stride)
        self.autoencoder = autoencoder

    def forward(self, condition: Tensor) -> Tensor:
        """Decode what is predicted at the mean 0 of noise alone, for export and checks of sizes.

        It is an image if latents are what the network predicts; others come from a generator, which knows the schedule.

        Args:
            condition: (B, K, *S) in [0, 1], S multiples of `stride` and at least `least_size`.

        Returns:
            (B, C, *S), without bounds.
        """
        image: Tensor = self.autoencoder.decode(self.denoiser(condition))
        return image
