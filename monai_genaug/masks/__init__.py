"""Label maps: how generators see them, and where new ones come from."""

from monai_genaug.masks.deformation import LabelDeformation
from monai_genaug.masks.encodings import BinaryEncoding, LabelEncoding, OneHotEncoding

__all__ = ["BinaryEncoding", "LabelDeformation", "LabelEncoding", "OneHotEncoding"]
