"""Time mask samplers: 100 labels of 256x256 with 60 nuclei, on one core.

    python -m benchmarks.speed_masks

Target: under 2 s for the 100 labels, which is 20 ms a label. Processor time is taken, which other work on the machine
disturbs least.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import torch

from monai_genaug.masks.bank import InstanceBank
from monai_genaug.masks.deformation import LabelDeformation
from monai_genaug.masks.procedural import ProceduralNuclei
from monai_genaug.masks.procedural.lesions import ProceduralLesions
from monai_genaug.masks.sampler import MaskSampler

SIZE = (1, 256, 256)
NUCLEI: dict[str, Any] = {"radius": 7.0, "coverage": 0.132, "jitter": 0.0}  # 60 of them in such a map


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=100)
    options = parser.parse_args()

    torch.set_num_threads(1)
    drawn = ProceduralNuclei(**NUCLEI).set_random_state(seed=0)
    labels = [drawn(np.zeros(SIZE, np.int32)) for _ in range(4)]
    samplers: dict[str, MaskSampler] = {
        "ProceduralNuclei": ProceduralNuclei(**NUCLEI),
        "ProceduralNuclei, fitted": ProceduralNuclei.fit(labels),
        "InstanceBank": InstanceBank.fit(labels),
        "LabelDeformation": LabelDeformation(instances=True),
        "ProceduralLesions": ProceduralLesions(radius=30.0, count=2.0),
    }
    print(f"{options.labels} labels of 256x256, one thread, processor time")
    for name, sampler in samplers.items():
        sampler.set_random_state(seed=1)
        counts = [len(np.unique(sampler(label))) - 1 for label in labels]  # and a warm-up
        marks = [time.process_time()]
        for number in range(options.labels):
            sampler(labels[number % len(labels)])
            marks.append(time.process_time())
        median = statistics.median(np.diff(marks).tolist())
        print(
            f"{name:25} {marks[-1] - marks[0]:.2f} s in all, {1e3 * median:.1f} ms a label (median), "
            f"{np.mean(counts):.0f} values"
        )


if __name__ == "__main__":
    main()
