"""Objects that know how they were built, so that a config can be written that builds them again."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from typing_extensions import Self


class Rebuildable:
    """Keeps the arguments of its construction in `built_with`, by name; defaults that were not given are left out.

    Example:
        >>> class Blur(Rebuildable):
        ...     def __init__(self, sigma: float, spacing: int = 1) -> None: ...
        >>> Blur(2.0).built_with
        {'sigma': 2.0}
    """

    if TYPE_CHECKING:  # TorchScript reads annotations at run time, and knows no Any
        built_with: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls)
        bound = inspect.signature(cls.__init__).bind_partial(instance, *args, **kwargs).arguments
        instance.__dict__["built_with"] = dict(list(bound.items())[1:])
        return instance


def config_of(value: Any) -> Any:
    """Describe a `Rebuildable` as MONAI's config parser takes it: ``_target_`` and arguments.

    Args:
        value: a `Rebuildable`, or what its arguments may be: numbers, text, None, lists of these.

    Returns:
        What YAML and JSON can hold.

    Raises:
        ValueError: if an argument is none of these.

    Example:
        >>> from monai_genaug.masks import OneHotEncoding
        >>> config_of(OneHotEncoding(num_classes=2))
        {'_target_': 'monai_genaug.masks.encodings.OneHotEncoding', 'num_classes': 2}
    """
    if isinstance(value, Rebuildable):
        arguments = {name: config_of(argument) for name, argument in value.built_with.items()}
        return {"_target_": f"{type(value).__module__}.{type(value).__qualname__}", **arguments}
    if isinstance(value, list | tuple):
        return [config_of(part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"an argument of type {type(value).__name__} cannot be written to a config, expected numbers, text, lists or "
        "this package's own networks and encodings: derive the class from Rebuildable, or save the state dict yourself."
    )
