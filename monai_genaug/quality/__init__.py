"""Gates that keep bad and copied images out: for `accept` of every way of augmenting."""

from monai_genaug.quality.faithfulness import MaskFaithfulness
from monai_genaug.quality.gate import AllGates, Gate, identify_gate
from monai_genaug.quality.privacy import NearestNeighbourPrivacy

__all__ = ["AllGates", "Gate", "MaskFaithfulness", "NearestNeighbourPrivacy", "identify_gate"]
