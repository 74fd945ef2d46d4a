"""Generators that run faster: bfloat16, weights in channels_last, compiled networks."""

from __future__ import annotations

import copy
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from monai_genaug.generators.base import ConditionalGenerator, check_generator
from monai_genaug.generators.handle import GeneratorHandle, LiveHandle, as_handle

_ACCELERATED: WeakSet[ConditionalGenerator] = WeakSet()  # in this process, by handles
_LOCK = threading.Lock()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=lambda: globals().update(_LOCK=threading.Lock()))


class Acceleration(NamedTuple):
    """What `accelerate` does, by the names of its arguments."""

    amp: bool = False
    channels_last: bool = False
    compile: bool = False
    compile_kwargs: Mapping[str, Any] | None = None

    @property
    def asked(self) -> bool:
        """Whether anything is done; ValueError where there are settings of a compiler that is not used."""
        if self.compile_kwargs and not self.compile:
            raise ValueError(
                f"compile_kwargs is {dict(self.compile_kwargs)} with compile=False, expected None: pass compile=True."
            )
        return self.amp or self.channels_last or self.compile


def accelerate(
    generator: ConditionalGenerator,
    *,
    amp: bool = False,
    channels_last: bool = False,
    compile: bool = False,
    compile_kwargs: Mapping[str, Any] | None = None,
) -> ConditionalGenerator:
    """Give a copy of a generator that runs faster, for `augment_batch` and wherever else a live generator goes.

    It keeps the contract, with the class, name and state dict of the generator. Noise and the arithmetic of samplers
    stay float32; images differ from the generator's own by the rounding of networks.

    Args:
        generator: any; it stays as it is.
        amp: let networks compute in bfloat16 by autocast, on the CPU too.
        channels_last: keep weights of convolutions in this memory format, in 3D in ``channels_last_3d``.
        compile: compile networks by `torch.compile` when they are first called. One graph serves every number of rows;
            other spatial sizes may take more. A network that draws random numbers itself is left as it is, with a
            warning, since compiled code would draw others.
        compile_kwargs: of `torch.compile`, such as ``{"mode": "max-autotune-no-cudagraphs"}``.

    Returns:
        The copy, in eval mode; the generator itself where nothing is asked for.

    Raises:
        ValueError: if `generator` is none or was accelerated before, or `compile_kwargs` is given without `compile`.

    Example:
        >>> from monai_genaug.generators import ModuleGenerator
        >>> from monai_genaug.masks import BinaryEncoding
        >>> network = nn.Conv2d(1, 1, 3, padding=1)
        >>> generator = ModuleGenerator(network, spatial_dims=2, image_channels=1, encoding=BinaryEncoding())
        >>> accelerate(generator, amp=True, channels_last=True).sample(torch.ones(1, 1, 5, 5), seeds=[0]).dtype
        torch.float32
    """
    check_generator(generator, ConditionalGenerator, "load_generator(name_or_dir)")
    options = Acceleration(amp, channels_last, compile, compile_kwargs)
    return _accelerate(copy.deepcopy(generator).eval(), options) if options.asked else generator


class AcceleratedHandle(GeneratorHandle):
    """A handle whose generator is accelerated once in each process, when it is loaded.

    Args:
        handle: of the generator.
        options: what is done.
    """

    def __init__(self, handle: GeneratorHandle, options: Acceleration) -> None:
        self.__dict__.update(vars(handle))
        self.options = options

    def load(self) -> ConditionalGenerator:
        """Give this process's generator, loading and accelerating it on first use; see `GeneratorHandle.load`."""
        generator = super().load()  # its own one: to no other handle it is equal
        with _LOCK:
            return generator if generator in _ACCELERATED else _accelerate(generator, self.options)

    def __eq__(self, other: object) -> bool:
        """Compare digest, device and options."""
        return isinstance(other, AcceleratedHandle) and super().__eq__(other) and self.options == other.options

    __hash__ = GeneratorHandle.__hash__

    def __repr__(self) -> str:
        return f"AcceleratedHandle({super().__repr__()}, {self.options})"

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "options": self.options}


def as_accelerated_handle(
    generator: str | os.PathLike[str] | GeneratorHandle | ConditionalGenerator,
    device: str | torch.device,
    options: Acceleration,
) -> GeneratorHandle | LiveHandle:
    """Give a handle as `as_handle` does, of an accelerated generator where anything is asked for.

    Args:
        generator: a folder, the name of a shipped bundle, a handle or a live generator.
        device: for a folder or a name; handles and live generators have their own.
        options: what is done.

    Raises:
        TypeError: if `generator` is none of these.
        ValueError: if the options do not fit together.
        FileNotFoundError: if there is no such folder or bundle.

    Example:
        >>> as_accelerated_handle("no_such_bundle", "cpu", Acceleration(amp=True))
        Traceback (most recent call last):
            ...
        FileNotFoundError: no generator 'no_such_bundle': ...
    """
    if isinstance(generator, ConditionalGenerator):
        return as_handle(accelerate(generator, **options._asdict()), device)
    handle = as_handle(generator, device)
    return AcceleratedHandle(handle, options) if options.asked and isinstance(handle, GeneratorHandle) else handle


def _accelerate(generator: ConditionalGenerator, options: Acceleration) -> ConditionalGenerator:
    """Change a generator in place."""
    if any(isinstance(vars(module).get("forward"), _Forward) for module in generator.modules()):
        raise ValueError(f"{generator.name} was accelerated before, expected a plain one: pass all options at once.")
    if options.channels_last:
        dims = generator.spatial_dims
        memory_format = torch.channels_last if dims == 2 else torch.channels_last_3d
        for weight in generator.parameters():
            if weight.ndim == dims + 2:
                weight.data = weight.data.contiguous(memory_format=memory_format)
    if options.amp or options.compile:
        for network, draws in _find_networks(generator).items():
            whole = options.compile and any(True for _ in network.children())  # without parts it is one kernel already
            if whole and draws:
                warnings.warn(
                    f"{type(network).__name__} of {generator.name} is not compiled: it draws random numbers itself, "
                    "and compiled code would draw others; take noise as its input, as noise_channels of "
                    "ModuleGenerator gives it.",
                    stacklevel=3,
                )
            settings = dict(options.compile_kwargs or {}) if whole and not draws else None
            if options.amp or settings is not None:
                network.forward = _Forward(network.forward, options.amp, settings)
    _ACCELERATED.add(generator)
    return generator


def _find_networks(generator: ConditionalGenerator) -> dict[nn.Module, bool]:
    """Find the modules that a generator calls itself, whatever its family, and whether they draw random numbers.

    It is watched while it makes one image of the least size.
    """
    found: dict[nn.Module, bool] = {}
    running: list[list[Tensor]] = []  # of each module that is being called, random states before the outermost

    def enter(module: nn.Module, inputs: Any) -> None:
        running.append([] if running else _random_states(generator.device))

    def leave(module: nn.Module, inputs: Any, outputs: Any) -> None:
        before = running.pop()
        if not running:
            drew = not all(map(torch.equal, before, _random_states(generator.device)))
            found[module] = found.get(module, False) or drew

    hooks = [module.register_forward_pre_hook(enter) for module in generator.modules()]
    hooks += [module.register_forward_hook(leave) for module in generator.modules()]
    try:
        generator.sample(torch.zeros(1, generator.condition_channels, *(1,) * generator.spatial_dims), seeds=[0])
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _random_states(device: torch.device) -> list[Tensor]:
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


class _Forward:
    """Stands in the place of a module's `forward`, so that its state dict keeps its keys and a deep copy works.

    Args:
        plain: takes and gives tensors (B, ...).
        amp: whether it computes in bfloat16; it gives float32 all the same.
        compile_kwargs: of `torch.compile`; None: it is not compiled.
    """

    def __init__(self, plain: Callable[..., Any], amp: bool, compile_kwargs: dict[str, Any] | None) -> None:
        self.plain, self.amp, self.compile_kwargs = plain, amp, compile_kwargs
        self.call = plain if compile_kwargs is None else self._with_any_rows(torch.compile(plain, **compile_kwargs))

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Give what the module gives, in float32."""
        tensors = (part for part in tree_leaves((inputs, settings)) if isinstance(part, Tensor))
        with torch.autocast(next(tensors).device.type, dtype=torch.bfloat16, enabled=self.amp):
            outputs = self.call(*inputs, **settings)
        return tree_map_only(Tensor, lambda part: part.float() if part.is_floating_point() else part, outputs)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Forward:
        return _Forward(copy.deepcopy(self.plain, memo), self.amp, self.compile_kwargs)

    @staticmethod
    def _with_any_rows(compiled: Callable[..., Any]) -> Callable[..., Any]:
        """Let one graph serve every number of rows: torch would make one for 1, for the first and for all others."""
        from torch import _dynamo  # takes seconds to import

        def batched(values: Any) -> list[Tensor]:
            return [part for part in tree_leaves(values) if isinstance(part, Tensor) and part.ndim]

        def call(*inputs: Any, **settings: Any) -> Any:
            single = all(len(part) == 1 for part in batched((inputs, settings)))
            if single:
                inputs, settings = tree_map_only(Tensor, _double, (inputs, settings))
            for part in batched((inputs, settings)):
                _dynamo.maybe_mark_dynamic(part, 0)
            outputs = compiled(*inputs, **settings)
            return tree_map_only(Tensor, lambda part: part[:1], outputs) if single else outputs

        return call


def _double(part: Tensor) -> Tensor:
    return torch.cat((part, part)) if part.ndim else part
