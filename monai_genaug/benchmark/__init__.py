"""Does it help: segmentation with and without synthetic pairs."""
