"""Put a trained generator's weights, in half precision, into the folder of a bundle that is shipped.

    python -m benchmarks.ship_generator runs/fluorescence bundles/nuclei_pix2pix

The bundle's own network.yaml and metadata.json stay, but for what metadata.json says of the training; a bundle without
them gets those of the training. Weights must load with the bundle's network.yaml.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from monai_genaug import load_generator, save_generator
from monai_genaug.data import replacing
from monai_genaug.generators.folders import METADATA_FILE, NETWORK_FILE, WEIGHTS_FILE


def ship(source: Path, bundle: Path) -> None:
    """Copy weights and what is known of their training."""
    trained = json.loads((source / METADATA_FILE).read_text())
    state = torch.load(source / WEIGHTS_FILE, map_location="cpu", weights_only=True)
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    if not (bundle / NETWORK_FILE).is_file():
        save_generator(bundle, load_generator(source), weights=half, metadata=trained)
    else:
        metadata = json.loads((bundle / METADATA_FILE).read_text()) | {"training": trained["training"]}
        with replacing(bundle / METADATA_FILE) as hidden:
            hidden.write_text(json.dumps(metadata, indent=2) + "\n")
        with replacing(bundle / WEIGHTS_FILE) as hidden:
            torch.save(half, hidden)
    load_generator(bundle)
    print(f"{bundle / WEIGHTS_FILE}: {(bundle / WEIGHTS_FILE).stat().st_size / 1e6:.1f} MB")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", type=Path, help="output_dir of a training")
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    options = parser.parse_args()
    ship(options.generator, options.bundle)


if __name__ == "__main__":
    main()
