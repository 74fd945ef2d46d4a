"""First weights of adversarial networks."""

from __future__ import annotations

from torch import nn


def init_normal(module: nn.Module) -> None:
    """Draw convolution weights from N(0, 0.02) and norm weights from N(1, 0.02), for `nn.Module.apply`.

    Isola et al. 2017, appendix 6.2, and Zhu et al. 2017, appendix 7.1.

    Args:
        module: one module; layers other than convolutions and norms stay as they are.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> layer = nn.Conv2d(64, 64, 4).apply(init_normal)
        >>> abs(layer.weight.std().item() - 0.02) < 0.001
        True
    """
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if weight is None:
        return
    is_conv = isinstance(module, nn.modules.conv._ConvNd)
    if is_conv or isinstance(module, nn.modules.batchnorm._NormBase):
        nn.init.normal_(weight, 0.0 if is_conv else 1.0, 0.02)
        if bias is not None:
            nn.init.zeros_(bias)
