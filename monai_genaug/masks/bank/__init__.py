"""Real objects in new arrangements."""

from monai_genaug.masks.bank.sampler import InstanceBank, load_bank

__all__ = ["InstanceBank", "load_bank"]
