"""Readers, data lists, splits, writers and downloads of image and label pairs."""

from monai_genaug.data._errors import FormatError
from monai_genaug.data.arrays import is_source, read_array
from monai_genaug.data.datalists import load_datalist
from monai_genaug.data.describe import DatalistSummary, describe_datalist
from monai_genaug.data.digest import digest_datalist
from monai_genaug.data.fetch import SOURCES, DatasetSource, fetch
from monai_genaug.data.items import CheckPaird, ScaleToUnitd, load_items, scale_to_unit
from monai_genaug.data.label_maps import check_label_map, read_label_map
from monai_genaug.data.mask_files import list_masks
from monai_genaug.data.mixing import RatioBatchSampler, mix_datalists
from monai_genaug.data.pairs import image_suffix, write_image, write_label, write_pair
from monai_genaug.data.reader import AnyImageReader
from monai_genaug.data.splits import split_by_group
from monai_genaug.data.unpaired import list_unpaired, load_images, load_labels
from monai_genaug.data.writers import replacing, write_array, write_dataset

__all__ = [
    "SOURCES",
    "AnyImageReader",
    "CheckPaird",
    "DatalistSummary",
    "DatasetSource",
    "FormatError",
    "RatioBatchSampler",
    "ScaleToUnitd",
    "check_label_map",
    "describe_datalist",
    "digest_datalist",
    "fetch",
    "image_suffix",
    "is_source",
    "list_masks",
    "list_unpaired",
    "load_datalist",
    "load_images",
    "load_items",
    "load_labels",
    "mix_datalists",
    "read_array",
    "read_label_map",
    "replacing",
    "scale_to_unit",
    "split_by_group",
    "write_array",
    "write_dataset",
    "write_image",
    "write_label",
    "write_pair",
]
