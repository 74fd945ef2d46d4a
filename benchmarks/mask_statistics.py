"""How well do sampled masks follow real ones? Kolmogorov-Smirnov distances to the test labels of dsb2018_fluorescence.

    python -m benchmarks.mask_statistics --out benchmarks/results/DATE-MACHINE/mask_statistics

Fits each sampler to all training labels, and to draws of six of them; samples maps of the test labels' sizes; compares
areas and eccentricities of all objects, and counts and touching shares of all maps. Nothing is fitted to test labels;
the samplers' own defaults were chosen by the validation labels. ProceduralLesions is compared on the lesions of busi.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._common import DATA, machine, write_json
from monai_genaug._rng import derive_seed
from monai_genaug.data import load_datalist, load_items
from monai_genaug.masks.bank import InstanceBank
from monai_genaug.masks.deformation import LabelDeformation
from monai_genaug.masks.instances import number_objects
from monai_genaug.masks.procedural import ProceduralNuclei
from monai_genaug.masks.procedural.lesions import ProceduralLesions
from monai_genaug.masks.sampler import MaskSampler
from monai_genaug.masks.statistics import LabelStatistics, ks_distance, measure_labels

Label = NDArray[np.int64]
FEW = 6
TARGET, MARGIN = 0.2, 0.05
LABELS = {
    "area": "area of a nucleus, pixels",
    "eccentricity": "eccentricity of a nucleus",
    "count": "nuclei in a map",
    "touching": "share of a map's nuclei that touch",
}
LINES = {
    "training": ("0.45", "-"),
    "ProceduralNuclei": ("#0072b2", "-"),
    f"ProceduralNuclei, {FEW} labels": ("#56b4e9", "--"),
    "InstanceBank": ("#d55e00", "-"),
    "LabelDeformation": ("#009e73", "-"),
}


def fit_samplers(labels: Sequence[Label]) -> dict[str, MaskSampler]:
    """Fit each kind of sampler to training labels."""
    return {
        "ProceduralNuclei": ProceduralNuclei.fit(labels),
        "InstanceBank": InstanceBank.fit(labels),
        "LabelDeformation": LabelDeformation(instances=True),
    }


def draw_maps(
    sampler: MaskSampler, labels: Sequence[Label], sizes: Sequence[tuple[int, ...]], seed: int
) -> list[Label]:
    """Sample one map of each size; a sampler that deforms gets training labels, any other one an empty label."""
    sampler.set_random_state(derive_seed(seed, "sampler") % 2**32)
    picks = np.random.default_rng(derive_seed(seed, "labels")).integers(len(labels), size=len(sizes))
    deforms = isinstance(sampler, LabelDeformation)
    return [
        sampler(labels[pick] if deforms else np.zeros(size, np.int64)) for pick, size in zip(picks, sizes, strict=True)
    ]


def measures(found: LabelStatistics) -> dict[str, NDArray[Any]]:
    """Give what is compared: two measures of all objects, two of all maps."""
    return {
        "area": found.objects.area,
        "eccentricity": found.objects.eccentricity,
        "count": found.images.count,
        "touching": found.images.touching,
    }


def distances(found: LabelStatistics, test: LabelStatistics) -> dict[str, float]:
    """Give the distance of each measure to that of the test labels."""
    wanted = measures(test)
    return {name: round(ks_distance(values, wanted[name]), 4) for name, values in measures(found).items()}


def summarise(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Give mean, least and largest of each measure's distance over runs."""
    table = {name: [run[name] for run in runs] for name in runs[0]}
    return {
        name: {"mean": round(float(np.mean(v)), 4), "min": round(min(v), 4), "max": round(max(v), 4)}
        for name, v in table.items()
    }


def compare_all(
    labels: Sequence[Label], sizes: Sequence[tuple[int, ...]], test: LabelStatistics, seeds: int
) -> tuple[dict[str, Any], dict[str, LabelStatistics]]:
    """Fit to all training labels: distances over seeds, and what the first seed's maps measure."""
    results, shown = {}, {}
    for name, sampler in fit_samplers(labels).items():
        found = [measure_labels(draw_maps(sampler, labels, sizes, seed)) for seed in range(seeds)]
        results[name], shown[name] = summarise([distances(maps, test) for maps in found]), found[0]
    return results, shown


def compare_few(
    labels: Sequence[Label], sizes: Sequence[tuple[int, ...]], test: LabelStatistics, draws: int
) -> tuple[dict[str, Any], list[Label]]:
    """Fit to few labels, drawn anew several times: distances, how much larger than the labels' own, and all maps."""
    own: list[dict[str, float]] = []
    runs: dict[str, list[dict[str, float]]] = {}
    shown: list[Label] = []
    for draw in range(draws):
        rng = np.random.default_rng(derive_seed(draw, "few labels"))
        few = [labels[pick] for pick in rng.choice(len(labels), FEW, replace=False)]
        own.append(distances(measure_labels(few), test))
        for name, sampler in fit_samplers(few).items():
            maps = draw_maps(sampler, few, sizes, draw)
            runs.setdefault(name, []).append(distances(measure_labels(maps), test))
            shown += maps if name == "ProceduralNuclei" else []
    results: dict[str, Any] = {"labels themselves": summarise(own)}
    for name, found in runs.items():
        gains = [{key: run[key] - base[key] for key in base} for run, base in zip(found, own, strict=True)]
        within = {key: sum(gain[key] <= MARGIN for gain in gains) for key in gains[0]}
        results[name] = {
            "distance": summarise(found),
            "minus that of the labels": summarise(gains),
            f"draws within {MARGIN} of the labels": within,
        }
    return results, shown


def compare_lesions(data: Path, repeats: int) -> dict[str, Any]:
    """Fit ProceduralLesions to class maps of lesions: distances of each class to the test labels."""
    splits = load_datalist(data)
    labels, wanted = ([item["label"].numpy() for item in load_items(splits[name])] for name in ("training", "test"))
    sampler = ProceduralLesions.fit(labels)
    maps = draw_maps(sampler, labels, [label.shape for label in wanted] * repeats, 0)
    results: dict[str, Any] = {"data": f"{data.name}: {len(labels)} training labels, {len(wanted)} test labels"}
    for value in sampler.classes:
        test, training, made = (measures(measure_class(found, value)) for found in (wanted, labels, maps))
        results[f"class {value}"] = {
            name: {
                "ProceduralLesions": round(ks_distance(made[name], test[name]), 4),
                "training labels": round(ks_distance(training[name], test[name]), 4),
            }
            for name in ("area", "eccentricity", "count")
        }
    return results


def measure_class(labels: Sequence[Label], value: int) -> LabelStatistics:
    """Measure the connected pieces of one class."""
    return measure_labels(
        [number_objects((label[0] == value).astype(np.int64), instances=False)[0][None] for label in labels]
    )


def draw_histograms(path: Path, test: LabelStatistics, others: Mapping[str, LabelStatistics]) -> None:
    """Draw the four measures of the test labels (filled) and of others (lines)."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(11, 7.5))
    wanted, drawn = measures(test), {name: measures(found) for name, found in others.items()}
    for panel, (name, text) in zip(panels.flat, LABELS.items(), strict=True):
        edges = _edges(name, wanted[name])
        panel.hist(np.clip(wanted[name], edges[0], edges[-1]), edges, weights=_shares(wanted[name]), color="0.85")
        for other, table in drawn.items():
            values = np.clip(table[name], edges[0], edges[-1])
            colour, style = LINES[other]
            panel.hist(values, edges, weights=_shares(values), histtype="step", color=colour, ls=style, lw=1.5)
        if name in {"area", "count"}:
            panel.set_xscale("log")
        panel.set(xlabel=text, ylabel="share of nuclei" if name in {"area", "eccentricity"} else "share of maps")
        panel.spines[["top", "right"]].set_visible(False)
    handles = [plt.Rectangle((0, 0), 1, 1, color="0.85")]
    handles += [plt.Line2D([], [], color=LINES[other][0], ls=LINES[other][1]) for other in others]
    names = ["real test labels", *("real training labels" if other == "training" else other for other in others)]
    figure.legend(handles, names, loc="upper center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _edges(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Give the edges of a histogram's bins; what lies outside counts in the first and the last one."""
    if name in {"area", "count"}:
        low, high = np.percentile(values, [0.5, 99.5])
        return np.geomspace(max(low, 1.0), high * 1.2, 19 if name == "area" else 13)
    return np.linspace(0.0, 1.0, 21 if name == "eccentricity" else 13)


def _shares(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.full(len(values), 1 / len(values))


def main() -> None:
    """Fit, sample, measure, write results.json and histograms.png."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dsb2018_fluorescence")
    parser.add_argument("--lesions", type=Path, default=DATA / "busi", help="data set of class maps")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--maps", type=int, default=4, help="maps for each test label")
    parser.add_argument("--seeds", type=int, default=5, help="of samplers that are fitted to all training labels")
    parser.add_argument("--draws", type=int, default=10, help=f"of {FEW} training labels")
    options = parser.parse_args()

    splits = load_datalist(options.data)
    labels, wanted = ([item["label"].numpy() for item in load_items(splits[name])] for name in ("training", "test"))
    test, training = measure_labels(wanted), measure_labels(labels)
    sizes = [label.shape for label in wanted] * options.maps
    from_all, shown = compare_all(labels, sizes, test, options.seeds)
    from_few, few_maps = compare_few(labels, sizes, test, options.draws)
    own, few = from_few["labels themselves"], from_few["ProceduralNuclei"]["distance"]
    results = {
        "data": f"{options.data.name}: {len(labels)} training labels, {len(wanted)} test labels",
        "compared": "area and eccentricity of all objects, count and touching share of each map",
        "settings": {
            "maps": len(sizes),
            "seeds": options.seeds,
            "draws": options.draws,
            "few": FEW,
            "objects": {"test": len(test.objects.area), "training": len(training.objects.area)},
        },
        "training labels": distances(training, test),
        "fitted to all training labels": from_all,
        f"fitted to {FEW} training labels": from_few,
        "lesions": compare_lesions(options.lesions, options.maps),
        "targets": {
            f"all below {TARGET}": {k: v["mean"] < TARGET for k, v in from_all["ProceduralNuclei"].items()},
            f"few within {MARGIN} of the labels": {k: few[k]["mean"] <= own[k]["mean"] + MARGIN for k in own},
        },
        "machine": machine(),
    }
    write_json(options.out / "results.json", results)
    others = {"training": training, **shown, f"ProceduralNuclei, {FEW} labels": measure_labels(few_maps)}
    draw_histograms(options.out / "histograms.png", test, others)
    print(json.dumps({key: value for key, value in results.items() if key != "machine"}, indent=2))


if __name__ == "__main__":
    main()
