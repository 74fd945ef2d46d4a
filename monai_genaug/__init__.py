"""Generative data augmentation for medical image segmentation, inside MONAI pipelines."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_genaug.generators import ConditionalGenerator as ConditionalGenerator
    from monai_genaug.generators import GeneratorHandle as GeneratorHandle
    from monai_genaug.generators import ModuleGenerator as ModuleGenerator
    from monai_genaug.generators import accelerate as accelerate
    from monai_genaug.generators import load_generator as load_generator
    from monai_genaug.generators import save_generator as save_generator
    from monai_genaug.synthesis import Synthesis as Synthesis
    from monai_genaug.synthesis import synthesize as synthesize
    from monai_genaug.transforms import GenerativeAugment as GenerativeAugment
    from monai_genaug.transforms import GenerativeAugmentD as GenerativeAugmentD
    from monai_genaug.transforms import GenerativeAugmentd as GenerativeAugmentd
    from monai_genaug.transforms import GenerativeAugmentDict as GenerativeAugmentDict
    from monai_genaug.transforms import GenerativePrepareBatch as GenerativePrepareBatch
    from monai_genaug.transforms import augment_batch as augment_batch

__version__ = "0.1.0"

_HOME = {  # imported on first use, since MONAI takes seconds to import and the command line's help needs none of it
    "ConditionalGenerator": "generators",
    "GenerativeAugment": "transforms",
    "GenerativeAugmentD": "transforms",
    "GenerativeAugmentDict": "transforms",
    "GenerativeAugmentd": "transforms",
    "GenerativePrepareBatch": "transforms",
    "GeneratorHandle": "generators",
    "ModuleGenerator": "generators",
    "Synthesis": "synthesis",
    "accelerate": "generators",
    "augment_batch": "transforms",
    "load_generator": "generators",
    "save_generator": "generators",
    "synthesize": "synthesis",
}
__all__ = ["__version__", *_HOME]  # noqa: PLE0604  # all are strings


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"monai_genaug.{_HOME[name]}"), name)
    if not name.startswith("_") and find_spec(f"monai_genaug.{name}"):
        return import_module(f"monai_genaug.{name}")
    raise AttributeError(f"module 'monai_genaug' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
