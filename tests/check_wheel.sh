#!/usr/bin/env bash
# Installs a wheel into an empty environment outside the checkout and runs the README's three uses from there: the
# transform with a shipped generator, a training through monai.bundle, and a benchmark on the same data.
set -euo pipefail
wheel=$(realpath "$1")
constraints=$(realpath "$(dirname "$0")/../constraints.txt")
desk=$(mktemp -d)
trap 'rm -rf "$desk"' EXIT
"${PYTHON:-python3}" -m venv "$desk/venv"
"$desk/venv/bin/python" -m pip install --quiet --constraint "$constraints" torch
"$desk/venv/bin/python" -m pip install --quiet --constraint "$constraints" "$wheel"
export PATH="$desk/venv/bin:$PATH"
cd "$desk"

python - <<'EOF'
import numpy as np
import monai_genaug
from monai_genaug import GenerativeAugmentd
from monai_genaug.masks import LabelDeformation
from monai_genaug.phantoms import write_nuclei_dataset

assert "site-packages" in monai_genaug.__file__, monai_genaug.__file__
write_nuclei_dataset("data", counts={"training": 4, "test": 3}, spatial_size=(64, 64))
shipped = ("nuclei_pix2pix", "nuclei_cyclegan", "nuclei_spade", "nuclei_rflow", "nuclei_ddpm", "nuclei_histology_pix2pix")
for name in shipped:
    channels = 3 if "histology" in name else 1
    augment = GenerativeAugmentd("image", "label", generator=name, prob=1.0, mask_sampler=LabelDeformation())
    sample = {"image": np.full((channels, 64, 64), 0.5, np.float32), "label": np.pad(np.ones((1, 20, 20)), 22)[22:23]}
    image = augment.set_random_state(seed=0)(sample)["image"]
    assert image.meta["genaug"]["applied"] and image.std() > 0.01, name
print("transform: ok")
EOF
bundle=$(monai-genaug bundles nuclei_pix2pix)
python -m monai.bundle run --bundle_root "$bundle" \
    --config_file "$(monai-genaug bundles nuclei_pix2pix --configs)" --dataset_dir data --output_dir trained \
    --epochs 1 --iterations_per_epoch 2 --batch_size 2 --crop_size 32 > train.log 2>&1 || { cat train.log; exit 1; }
python -c 'from monai_genaug import load_generator; load_generator("trained"); print("training: ok")'
cat > plan.yaml <<'EOF'
kind: augmentation
datasets: {phantoms: data}
segmenters: {unet: &tiny {crop_size: 32, batch_size: 2, epochs: 1, iterations_per_epoch: 2}}
generators: {pix2pix: {bundle: nuclei_pix2pix, masks: deformation, settings: *tiny}}
seeds: [0]
cells: [{datasets: [phantoms], labelled: [2], arms: [classic, classic+genaug], generators: [pix2pix]}]
settings: {short: {}}
EOF
monai-genaug benchmark plan.yaml --data . --out grid > grid.log 2>&1 || { cat grid.log; exit 1; }
test -s grid/report.html && echo "benchmark: ok"
