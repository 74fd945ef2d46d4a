"""Time Pix2PixEngine against a bare PyTorch loop with the same networks, losses and batch; print the ratio.

    python -m benchmarks.speed_engine [--rounds 5] [--iterations 10]

Both sides run in turn, round by round, in one process; the ratio is taken pair by pair. Target: at most 1.05.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks._common import print_ratio, read_bundle, seconds
from monai_genaug.losses import mode_seeking_loss
from monai_genaug.networks import Pix2PixUNet
from monai_genaug.training import Pix2PixEngine

SIZE = (8, 1, 128, 128)
OVERRIDES: dict[str, Any] = {"ema_momentum": None, "instance_noise": 0.0, "label_smoothing": 0.0, "device": "cpu"}


def build(batches: list[dict[str, Tensor]]) -> Pix2PixEngine:
    """Build the engine of bundles/nuclei_pix2pix over ready batches, without handlers."""
    loader = {"train#dataloader": batches, "train#handlers": [], "train#trainer#decollate": False, "epochs": 1}
    parser = read_bundle("nuclei_pix2pix", {**OVERRIDES, **loader})
    engine: Pix2PixEngine = parser.get_parsed_content("train#trainer")
    return engine


def bare_loop(engine: Pix2PixEngine) -> Callable[[], None]:
    """Write the engine's training out by hand, without engine, events or checks, on its networks and optimisers."""
    batches: list[dict[str, Tensor]] = engine.data_loader
    network, discriminator = cast(Pix2PixUNet, engine.generator.network).train(), engine.d_network.train()
    g_optimizer, d_optimizer = engine.g_optimizer, engine.d_optimizer

    def run() -> None:
        for batch in batches:
            real, condition = 2.0 * batch["image"] - 1.0, (batch["label"] > 0).float()
            noise = network.noise.draw(condition)
            fake = network(condition, noise)
            real_logits = discriminator(torch.cat((condition, real), 1))[-1]
            fake_logits = discriminator(torch.cat((condition, fake.detach()), 1))[-1]
            d_loss = 0.5 * ((real_logits - 1).square().mean() + fake_logits.square().mean())
            d_optimizer.zero_grad(set_to_none=True)
            d_loss.backward()
            d_optimizer.step()
            discriminator.requires_grad_(False)
            other_noise = network.noise.redraw_look(noise)
            g_loss = (discriminator(torch.cat((condition, fake), 1))[-1] - 1).square().mean()
            g_loss = g_loss + engine.lambda_l1 * functional.l1_loss(fake, real)
            other = network(condition, other_noise)
            g_loss = g_loss + engine.mode_seeking.weight * mode_seeking_loss(fake, other, noise, other_noise)
            g_optimizer.zero_grad(set_to_none=True)
            g_loss.backward()
            g_optimizer.step()
            discriminator.requires_grad_(True)

    return run


def main() -> None:
    """Print seconds an iteration of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()

    batches = [
        {"image": torch.rand(SIZE), "label": (torch.rand(SIZE) > 0.5).float()} for _ in range(options.iterations)
    ]
    sides = {"engine": build(batches).run, "bare loop": bare_loop(build(batches))}
    for run in sides.values():
        run()  # warm up
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, run in sides.items():
            times[name].append(seconds(run) / options.iterations)
    print(f"Pix2Pix, batch {SIZE}, {torch.get_num_threads()} threads, {options.rounds} rounds of {options.iterations}")
    print_ratio(times, "iteration")


if __name__ == "__main__":
    main()
