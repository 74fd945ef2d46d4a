"""The engine under every adversarial family: one discriminator update, one generator update, an iteration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from ignite.engine import Events
from ignite.handlers import EMAHandler
from monai.engines import Trainer, Workflow, default_prepare_batch
from monai.engines.utils import IterationEvents
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from monai_genaug._checks import check_range
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.training.processes import mean_over_processes, unwrap

Losses = dict[str, Tensor]


class NonFiniteLossError(FloatingPointError):
    """A loss is NaN or Inf; training stopped before any weight was changed by it."""


class AdversarialEngine(Trainer, ABC):
    """Trains a generator against a discriminator on `monai.engines.Trainer`.

    A family gives `forward` (what both updates share), `d_losses` and `g_losses`: dictionaries of scalars whose sum is
    minimised. After each iteration ``state.output`` holds every one of them detached (their mean over processes), with
    ``g_loss`` and ``d_loss`` for the sums and ``loss`` equal to ``g_loss`` for MONAI's handlers; then MODEL_COMPLETED
    is fired.

    Args:
        device: where batches go.
        max_epochs: epochs to run.
        train_data_loader: gives batches for `prepare_batch`.
        g_network: what `g_optimizer` updates and the moving average follows.
        d_network: what `d_optimizer` updates. Both may be wrapped in `DistributedDataParallel`, with
            ``broadcast_buffers=False`` since there is more than one pass before an update.
        g_optimizer: optimiser of the generator.
        d_optimizer: optimiser of the discriminator.
        g_scheduler: stepped after every epoch, if given.
        d_scheduler: likewise.
        ema_momentum: in (0, 1): keep a moving average of `g_network` in `ema_network` (ignite's momentum: the share of
            the new weights); None for none.
        d_interval: update the discriminator in every n-th iteration of an epoch only, from the first on.
        max_grad_norm: clip gradients of each of the two to this norm; None for none.
        instance_noise: standard deviation of the noise added to what the discriminator sees, falling linearly to 0 over
            the run (Sonderby et al. 2017, section 3.4); in the images' units.
        epoch_length: iterations of an epoch, by default the loader's length.
        prepare_batch: MONAI's; gives (image, label), or (image, label, (), further tensors by name).
        amp: autocast on the device's own type; gradients are scaled for float16 only.
        amp_kwargs: for `torch.autocast`, such as ``{"dtype": torch.bfloat16}``.
        train_handlers: MONAI or ignite handlers.
        event_names: further events, registered before any handler.
        decollate: give the output as a list that holds the dictionary, which some of MONAI's handlers expect.
        non_blocking: as for `Tensor.to`.

    Raises:
        ValueError: if an argument is out of its range.
        NonFiniteLossError: from `run`, when a loss is NaN or Inf.
    """

    def __init__(
        self,
        *,
        device: torch.device | str,
        max_epochs: int,
        train_data_loader: Iterable[Any],
        g_network: nn.Module,
        d_network: nn.Module,
        g_optimizer: Optimizer,
        d_optimizer: Optimizer,
        g_scheduler: LRScheduler | None = None,
        d_scheduler: LRScheduler | None = None,
        ema_momentum: float | None = None,
        d_interval: int = 1,
        max_grad_norm: float | None = None,
        instance_noise: float = 0.0,
        epoch_length: int | None = None,
        prepare_batch: Callable[..., Any] = default_prepare_batch,
        amp: bool = False,
        amp_kwargs: dict[str, Any] | None = None,
        train_handlers: Sequence[Any] | None = None,
        event_names: list[Any] | None = None,
        decollate: bool = False,
        non_blocking: bool = False,
    ) -> None:
        if max_epochs < 1 or max_epochs != int(max_epochs):
            raise ValueError(f"max_epochs is {max_epochs}, expected a whole number of epochs, 1 or more.")
        if d_interval < 1:
            raise ValueError(f"d_interval is {d_interval}, expected 1 (every iteration) or more.")
        if instance_noise < 0:
            raise ValueError(f"instance_noise is {instance_noise}, expected a standard deviation >= 0.")
        if max_grad_norm is not None:
            check_range("(0, max_grad_norm)", (0, max_grad_norm))
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            data_loader=train_data_loader,
            epoch_length=epoch_length,
            non_blocking=non_blocking,
            prepare_batch=prepare_batch,
            amp=amp,
            amp_kwargs=amp_kwargs,
            event_names=event_names,
            decollate=False,  # there is nothing in the output that belongs to one sample
        )
        self.g_network, self.d_network = g_network, d_network
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.decollate = decollate
        self.d_interval, self.max_grad_norm, self.instance_noise = d_interval, max_grad_norm, instance_noise
        device_type = self.state.device.type
        half = self.amp_kwargs.get("dtype", torch.float16) == torch.float16
        self.g_scaler = torch.amp.GradScaler(device_type, enabled=amp and half and device_type == "cuda")
        self.d_scaler = torch.amp.GradScaler(device_type, enabled=amp and half and device_type == "cuda")
        self._last_d_losses: Losses = {}

        ema = None if ema_momentum is None else EMAHandler(unwrap(g_network), momentum=ema_momentum)
        self.ema_network: nn.Module = unwrap(g_network) if ema is None else ema.ema_model
        if ema is not None:
            ema.attach(self)
        self._schedulers = {"g_scheduler": g_scheduler, "d_scheduler": d_scheduler}
        for scheduler in self._schedulers.values():
            if scheduler is not None:
                self.add_event_handler(Events.EPOCH_COMPLETED, _step, scheduler)
        self._register_handlers(train_handlers or ())

    def run(self) -> None:
        """Train, on from the state that it is in; without the trainer's own gradient scaler, made for one optimizer."""
        Workflow.run(self)

    @abstractmethod
    def forward(self, image: Tensor, label: Tensor, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Run the generator once for both updates; names the tensors for `d_losses` and `g_losses`."""

    @abstractmethod
    def d_losses(self, tensors: dict[str, Tensor]) -> Losses:
        """Give the discriminator's losses; synthetic images must be detached here."""

    @abstractmethod
    def g_losses(self, tensors: dict[str, Tensor]) -> Losses:
        """Give the generator's losses; the discriminator is `unwrap(self.d_network)`, whose weights are left alone."""

    def parts(self) -> dict[str, Any]:
        """Name all that has a state_dict on which the rest of the training depends."""
        parts = {
            "g_network": unwrap(self.g_network),
            "d_network": unwrap(self.d_network),
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
            "g_scaler": self.g_scaler,
            "d_scaler": self.d_scaler,
            **{name: scheduler for name, scheduler in self._schedulers.items() if scheduler is not None},
        }
        return parts if self.ema_network is unwrap(self.g_network) else {**parts, "ema_network": self.ema_network}

    def blur_for_discriminator(self, image: Tensor) -> Tensor:
        """Add the instance noise of this moment to an image (B, C, *S)."""
        total = max(1, (self.state.epoch_length or 1) * self.state.max_epochs)
        sigma = self.instance_noise * max(0.0, 1.0 - (self.state.iteration - 1) / total)
        return image + sigma * torch.randn_like(image) if sigma > 0 else image

    def _iteration(self, engine: Any, batchdata: Any) -> Any:
        batch = self.prepare_batch(batchdata, self.state.device, self.non_blocking, **self.to_kwargs)
        image, label, *extras = batch  # as for MONAI's own engines: further positional and keyword arguments
        further = {name: as_plain_tensor(part) for name, part in (extras[1] if extras else {}).items()}
        self.g_network.train()
        self.d_network.train()
        with self._autocast():
            tensors = self.forward(as_plain_tensor(image), as_plain_tensor(label), **further)

        if (self.state.iteration - 1) % (self.state.epoch_length or 1) % self.d_interval == 0:
            with self._autocast():
                losses = self.d_losses(tensors)
            self._update("d", losses, self.d_optimizer, self.d_scaler)
            self._last_d_losses = {name: loss.detach() for name, loss in losses.items()}

        with _frozen(unwrap(self.d_network)):
            with self._autocast():
                losses = self.g_losses(tensors)
            self._update("g", losses, self.g_optimizer, self.g_scaler)

        output = {name: loss.detach() for name, loss in losses.items()} | self._last_d_losses
        output["g_loss"] = output["loss"] = _total(losses).detach()
        output["d_loss"] = _total(self._last_d_losses)
        output = mean_over_processes(output)
        self.state.output = [output] if self.decollate else output
        self.fire_event(IterationEvents.MODEL_COMPLETED)
        return self.state.output

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.state.device.type, enabled=self.amp, **self.amp_kwargs)

    def _update(self, player: str, losses: Losses, optimizer: Optimizer, scaler: torch.amp.GradScaler) -> None:
        total = _total(losses)
        if not torch.isfinite(total):
            values = ", ".join(f"{name}={loss.item():g}" for name, loss in losses.items())
            raise NonFiniteLossError(
                f"loss of {player} is not finite in iteration {self.state.iteration} (epoch {self.state.epoch}): "
                f"{values}. No weight was changed by it and what was saved before stays; lower the learning rate, set "
                "max_grad_norm, turn amp off, or look for NaN in the images."
            )
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(total).backward()
        if self.max_grad_norm is not None:
            scaler.unscale_(optimizer)
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
        scaler.step(optimizer)
        scaler.update()


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Spare a module the gradients of its weights while gradients pass through it."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)


def _total(losses: Losses) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def _step(engine: Any, scheduler: LRScheduler) -> None:
    scheduler.step()
