"""What MONAI's `SupervisedTrainer` needs to train diffusion and rectified flow."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Events
from ignite.handlers import EMAHandler
from monai.engines import PrepareBatch, Trainer
from torch import Tensor, nn

from monai_genaug._tensors import take_from_batch
from monai_genaug.generators.denoising import DenoisingGenerator
from monai_genaug.training.processes import unwrap

WARM_UP = 9.0  # the average follows the last tenth of the iterations until its own memory is shorter


class DenoisingPrepareBatch(PrepareBatch):
    """Makes noisy images and what should be predicted of them out of a batch, for MONAI's trainers and evaluators.

    Times and noise come from torch's global generator, which `EpochSeeds` seeds. With `torch.nn.MSELoss` the trainer
    minimises the losses of epsilon, v, x_0 (Ho et al. 2020, eq. 14; Salimans & Ho 2022) or of the velocity (Liu et al.
    2023, eq. 1).

    Args:
        generator: its encoding makes the conditions, its `add_noise` noisy images and targets.

    Example:
        >>> from monai_genaug.generators import RectifiedFlowGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> from monai_genaug.networks import DiffusionUNet
        >>> network = DiffusionUNet(2, in_channels=1, out_channels=1, channels=(8, 16), norm_groups=4)
        >>> prepare = DenoisingPrepareBatch(RectifiedFlowGenerator(network, BinaryEncoding()))
        >>> batch = {"image": torch.rand(2, 1, 8, 8), "label": torch.ones(2, 1, 8, 8)}
        >>> condition, target, (x, time), _ = prepare(batch, device="cpu")
        >>> network(condition, x, time).shape == target.shape
        True
    """

    def __init__(self, generator: DenoisingGenerator) -> None:
        self.generator = generator

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], dict[str, Any]]:
        """Give condition (B, K, *S), target (B, C, *S) and the network's further arguments on the device.

        Args:
            batchdata: with image (B, C, *S) in [0, 1] and label (B, 1, *S).
            device: where they go.
            non_blocking: as for `Tensor.to`.
            kwargs: more of these.
        """
        image, label = take_from_batch(batchdata, ("image", "label"), device, non_blocking, **kwargs)
        x, time, target = self.generator.add_noise(2.0 * image - 1.0)
        return self.generator.encode(label), target, (x, time), {}


class MovingAverage:
    """Keeps a moving average of a network's weights as an engine's `ema_network`, which savers and pictures then use.

    In early iterations, when first weights would still count, it is the average of about the last tenth of them. It
    goes on exactly after an interruption if `network` is among the parts of the checkpoint.

    Args:
        network: that is trained, wrapped in `DistributedDataParallel` or not.
        momentum: the share of the new weights in each iteration, in (0, 1), once the average is warm.
        whole: what `network` is a part of, if the rest of it is not trained: `ema_network` is then the average with
            that very rest, whatever weights it gets and whenever.

    Raises:
        ValueError: if `momentum` is out of its range, or `network` no part of `whole`.

    Example:
        >>> average = MovingAverage(nn.Linear(1, 1), momentum=0.001)
        >>> average.network
        Linear(in_features=1, out_features=1, bias=True)
    """

    def __init__(self, network: nn.Module, momentum: float, *, whole: nn.Module | None = None) -> None:
        self.momentum = momentum
        self._handler = EMAHandler(unwrap(network), momentum=momentum)
        self.network: nn.Module = self._handler.ema_model
        if whole is not None:
            parts = {id(part): part for part in whole.children()}
            if id(unwrap(network)) not in parts:
                raise ValueError(
                    f"network is a {type(unwrap(network)).__name__}, expected one of the parts of whole, a "
                    f"{type(whole).__name__}: {', '.join(name for name, _ in whole.named_children())}."
                )
            self.network = copy.deepcopy(whole, {**parts, id(unwrap(network)): self.network})

    def attach(self, engine: Trainer) -> None:
        """Listen to the engine."""
        engine.ema_network = self.network
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        self._handler.attach(engine)  # after, so that it takes the momentum of this iteration

    def __call__(self, engine: Trainer) -> None:
        """Set the momentum of this iteration."""
        engine.state.ema_momentum = max(self.momentum, (1 + WARM_UP) / (engine.state.iteration + WARM_UP))
