"""What sampling costs on this CPU: seconds, of all families in turn, and memory, of each in a process of its own.

    python -m benchmarks._sampling FOLDER CHANGES SIDE BATCH

prints the memory of one call as JSON; benchmarks/families.py runs it so.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from monai.transforms import ResizeWithPadOrCrop
from torch import Tensor

from benchmarks._common import seconds
from benchmarks._families import Family, Items
from monai_genaug import ConditionalGenerator

SIDE = 128  # of the crops, pixels
BATCHES = (1, 8)
STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # Linux alone has these
Times = dict[str, dict[int, list[float]]]  # name of the family -> batch size -> seconds of each round


def time_sampling(generators: Mapping[str, ConditionalGenerator], items: Items, *, rounds: int) -> Times:
    """Time `sample` of each family and batch size, round by round, since machines are not equally fast all the time.

    Args:
        generators: by name.
        items: with labels, of which the middle is cropped.
        rounds: how often each is timed, after a call that is not.

    Returns:
        Seconds.
    """
    crop = ResizeWithPadOrCrop((SIDE, SIDE))
    labels = [crop(items[number % len(items)]["label"]) for number in range(max(BATCHES))]
    conditions = {
        name: {batch: generator.encode(torch.stack(labels[:batch])) for batch in BATCHES}
        for name, generator in generators.items()
    }
    times: Times = {name: {batch: [] for batch in BATCHES} for name in generators}
    for number in range(rounds + 1):
        for name, generator in generators.items():
            for batch, condition in conditions[name].items():
                taken = seconds(partial(generator.sample, condition, seeds=range(batch)))
                if number:
                    times[name][batch].append(taken)
    return times


def summarize_times(times: Times, reference: str) -> dict[str, dict[str, Any]]:
    """Give samples a second, and the median of the ratios of seconds to those of another family in the same round.

    Args:
        times: of `time_sampling`.
        reference: name of the other family; if it was not timed there is no ratio.

    Returns:
        By family and batch size.

    Example:
        >>> summarize_times({"a": {8: [2.0, 4.0]}, "b": {8: [4.0, 8.0]}}, "a")["b"]["8"]["ratio"]
        2.0
    """
    found: dict[str, dict[str, Any]] = {}
    for name, batches in times.items():
        found[name] = {}
        for batch, taken in batches.items():
            others = times[reference][batch] if reference in times else []
            found[name][str(batch)] = {
                "samples_per_second": batch / statistics.median(taken),
                "ratio": statistics.median(a / b for a, b in zip(taken, others, strict=True)) if others else None,
                "seconds": taken,
            }
    return found


def measure_memory(family: Family) -> dict[str, float] | None:
    """Give the greatest memory of a process that makes a batch of samples, and what it had before; None but on Linux.

    The process is a new one, so that nothing else that this one holds counts.

    Args:
        family: whose samples.

    Returns:
        ``{"before_megabytes", "peak_megabytes"}``, both of the whole process, Python and its packages included.
    """
    if not PEAK.exists():
        return None
    arguments = [str(family.folder), json.dumps(family.changes), str(SIDE), str(max(BATCHES))]
    command = [sys.executable, "-m", "benchmarks._sampling", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    memory: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return memory


def _sample_once(generator: ConditionalGenerator, label: Tensor) -> dict[str, float]:
    """Make one batch in this process."""
    condition = generator.encode(label)
    PEAK.write_text("5")  # sets the peak back to what is resident now
    before = _megabytes("VmRSS")
    generator.sample(condition, seeds=range(len(condition)))
    return {"before_megabytes": before, "peak_megabytes": _megabytes("VmHWM")}


def _megabytes(field: str) -> float:
    """Read a field of this process's status; the peak of `resource` would count the process that started this one."""
    [line] = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    folder, changes, side, batch = sys.argv[1:]
    generator = Family("", Path(folder), json.loads(changes)).load()
    print(json.dumps(_sample_once(generator, torch.zeros(int(batch), 1, int(side), int(side), dtype=torch.int64))))
