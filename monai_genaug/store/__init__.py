"""Synthetic pairs in files, written ahead of the training that reads them."""

from monai_genaug.store.samplers import ReadSampler, read_sampler
from monai_genaug.store.write import StoreSummary, write_store

__all__ = ["ReadSampler", "StoreSummary", "read_sampler", "write_store"]
