"""Generative data augmentation for medical image segmentation, inside MONAI pipelines."""

__version__ = "0.1.0"
