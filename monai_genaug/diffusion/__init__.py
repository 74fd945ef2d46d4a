"""Diffusion and rectified flow without networks: schedules, samplers, guidance."""

from monai_genaug.diffusion.flow import SOLVERS, euler, heun
from monai_genaug.diffusion.guidance import guide
from monai_genaug.diffusion.noise import RowNoise
from monai_genaug.diffusion.samplers import SAMPLERS, ddim, ddpm, dpm_solver, spaced_timesteps
from monai_genaug.diffusion.schedules import (
    PREDICTIONS,
    SCHEDULES,
    VarianceSchedule,
    cosine_schedule,
    linear_schedule,
)

__all__ = [
    "PREDICTIONS",
    "SAMPLERS",
    "SCHEDULES",
    "SOLVERS",
    "RowNoise",
    "VarianceSchedule",
    "cosine_schedule",
    "ddim",
    "ddpm",
    "dpm_solver",
    "euler",
    "guide",
    "heun",
    "linear_schedule",
    "spaced_timesteps",
]
