"""What figures hang on: the machine, and the versions of what was run."""

from __future__ import annotations

import os
import platform

import torch


def list_versions() -> dict[str, str]:
    """Give the versions of what a result hangs on, and the number of threads.

    Example:
        >>> "MONAI" in list_versions()
        True
    """
    from importlib.metadata import version

    packages = {"monai_genaug": "monai_genaug", "MONAI": "monai", "PyTorch": "torch", "NumPy": "numpy"}
    return {
        **{name: version(package) for name, package in packages.items()},
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": str(torch.get_num_threads()),
    }


def describe_machine(device: torch.device) -> dict[str, str]:
    """Name the machine, the device and the versions that durations and figures hang on.

    Example:
        >>> describe_machine(torch.device("cpu"))["device"]
        'cpu'
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name, "processor": f"{platform.machine()}, {os.cpu_count()} cores", **list_versions()}
