"""Pix2Pix and CycleGAN from the same start: the comparison of the source paper."""
