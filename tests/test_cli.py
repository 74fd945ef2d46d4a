"""The command line."""

from __future__ import annotations

import ast
import importlib
import json
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monai_genaug import cli, data, load_generator
from monai_genaug.benchmark import demo
from monai_genaug.benchmark.demo import DemoResult
from monai_genaug.benchmark.report import Score
from monai_genaug.benchmark.stats import PairedInterval
from monai_genaug.benchmark.tables import BenchmarkResult
from monai_genaug.tables import Table
from monai_genaug.training.bundle import config_files
from tests.helpers import TINY, save_untrained, write_pairs

run = CliRunner().invoke
PAPER = str(Path(__file__).parents[1] / "benchmarks/paper_nucleus.yaml")


@pytest.fixture(autouse=True)
def keep_warnings():
    """The command line changes how warnings are shown, as it owns its process."""
    with warnings.catch_warnings():
        yield


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_version_is_that_of_the_package():
    result = run(cli.app, ["--version"])
    assert (result.exit_code, result.output.strip()) == (0, f"monai-genaug {version('monai_genaug')}")


def test_help_lists_the_commands():
    result = run(cli.app, ["--help"])
    assert result.exit_code == 0
    for command in ("demo", "train", "preview", "synthesize", "evaluate", "benchmark", "fetch"):
        assert command in result.output


@pytest.mark.parametrize("file", sorted(Path(cli.__file__).parent.glob("*.py")), ids=lambda file: file.name)
def test_the_modules_themselves_import_nothing_slow(file):
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    own = {name for name in imported if name.startswith("monai_genaug.cli")}
    quick = {"__future__", "collections.abc", "contextlib", "os", "pathlib", "re", "typing", "typer", "typer.core"}
    assert imported - own <= quick | {"warnings"}


def test_demo_passes_its_options_on_and_prints_what_was_found(tmp_path, monkeypatch):
    calls = []

    def fake(*args, **kwargs):
        calls.append((args, kwargs))
        score = Score("Dice", 0.8, 0.82, PairedInterval(0.02, -0.01, 0.05, 9, "bootstrap"))
        return DemoResult(tmp_path / "report.html", tmp_path / "results.csv", [score], "No gain is shown.")

    monkeypatch.setattr(demo, "run_demo", fake)
    result = run(cli.app, ["demo", "--data", "set", "--out", "there", "--seed", "3", "--device", "cuda"])
    assert result.exit_code == 0
    assert calls == [((Path("there"),), {"data_dir": Path("set"), "seed": 3, "device": "cuda"})]
    assert "Dice: 0.800 real only, 0.820 real and synthetic, difference +0.020" in result.output
    assert "(95 % interval -0.010 to +0.050)" in result.output
    assert "No gain is shown." in result.output
    assert str(tmp_path / "report.html") in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--data", "nowhere", "--out", "{tmp}/out"], "nowhere does not exist"),
        (["demo", "--out", "{tmp}"], "holds files that are not the demo's"),
        (["fetch", "mnist", "{tmp}/set"], "name is 'mnist', expected one of 'dsb2018', 'bbbc039'"),
        (["train", "nuclei_pix2pix", "--data", "nowhere", "--out", "{tmp}/out"], "nowhere does not exist"),
        (["train", "nuclei_pixpix", "--data", "x", "--out", "{tmp}/out"], "expected one of nuclei_"),
        (["train", "nuclei_unet", "--data", "x", "--out", "{tmp}/o", "--set", "epochs"], "expected KEY=VALUE"),
        (["train", "nuclei_unet", "--data", "x", "--out", "{tmp}/o", "--device", "gpu"], "device is 'gpu', expected"),
        (["preview", "--generator", "{tmp}", "--data", "x"], "is no generator folder"),
        (["evaluate", "nowhere", "nowhere", "--out", "{tmp}/out"], "nowhere does not exist"),
        (["evaluate", "{tmp}", "{tmp}", "--out", "{tmp}/notes.txt"], "notes.txt is a file, expected a folder"),
        (["benchmark", "nowhere.yaml"], "nowhere.yaml does not exist"),
        (["benchmark", PAPER, "--data", "nowhere", "--out", "{tmp}/out"], "nowhere does not exist"),
        (["benchmark", PAPER, "--setting", "shrt"], "setting is 'shrt', expected one of 'full', 'short'"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, arguments, message):
    (tmp_path / "notes.txt").touch()
    result = run(cli.app, [argument.format(tmp=tmp_path) for argument in arguments])
    assert result.exit_code == 2
    [line] = [line for line in plain(result.output).splitlines() if line.startswith("Error: ")]
    assert message in line
    assert "Traceback" not in result.output


def test_debug_lets_the_error_through(tmp_path):
    result = run(cli.app, ["--debug", "fetch", "mnist", str(tmp_path)])
    assert isinstance(result.exception, ValueError)


def test_errors_in_the_program_itself_are_not_hidden(monkeypatch):
    def broken(*args, **kwargs):
        raise KeyError("a bug")

    monkeypatch.setattr(demo, "run_demo", broken)
    assert isinstance(run(cli.app, ["demo"]).exception, KeyError)


def test_an_unknown_option_is_a_usage_error():
    assert run(cli.app, ["demo", "--speed", "9"]).exit_code == 2


def test_benchmark_passes_its_options_on_and_prints_the_tables(monkeypatch):
    calls = []

    def fake(plan, bars, **kwargs):
        calls.append((plan, kwargs))
        return BenchmarkResult(Path("there"), [Table("Scores", ["", "A"], [["Dice", "0.9"]], "One seed.")])

    monkeypatch.setattr("monai_genaug.benchmark.kinds.run_benchmark", fake)
    result = run(cli.app, ["benchmark", "plan.yaml", "--data", "d", "--out", "o", "--setting", "full"])
    assert result.exit_code == 0, result.output
    options = {"data_dir": Path("d"), "output_dir": Path("o"), "setting": "full", "device": None}
    options |= {"shard": None, "minutes": None}
    assert calls == [(Path("plan.yaml"), options)]
    for text in ("Scores", "0.9", "One seed.", "results: there"):
        assert text in result.output


def test_a_benchmark_that_is_stopped_says_so_in_one_line(monkeypatch):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("monai_genaug.benchmark.kinds.run_benchmark", stopped)
    result = run(cli.app, ["benchmark", "plan.yaml"])
    assert result.exit_code == 130
    assert "stopped: the same command goes on" in plain(result.output)
    assert "Traceback" not in result.output


def test_fetch_prints_licence_and_citation(tmp_path, monkeypatch):
    module = importlib.import_module("monai_genaug.data.fetch")  # by name: the package has a function of this name
    monkeypatch.setattr(data, "fetch", lambda name, folder: module.SOURCES[name])
    result = run(cli.app, ["fetch", "bbbc039", str(tmp_path)])
    assert result.exit_code == 0
    assert "licence: CC0 1.0" in result.output
    assert "10.1002/cyto.a.23863" in result.output


def test_train_passes_settings_on_as_yaml_reads_them(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("monai_genaug.training.bundle.train_bundle", lambda *args, **kwargs: calls.append(args))
    sets = ["epochs=3", "learning_rate=2e-4", "max_grad_norm=null", "encoding=@one_hot", "features=[4, 8]", "amp=true"]
    options = [part for text in sets for part in ("--set", text)]
    result = run(cli.app, ["train", "nuclei_pix2pix", "--data", "d", "--out", "o", "--seed", "4", *options])
    assert result.exit_code == 0, result.output
    expected = {"dataset_dir": "d", "output_dir": "o", "seed": 4, "epochs": 3, "learning_rate": 2e-4}
    expected |= {"max_grad_norm": None, "encoding": "@one_hot", "features": [4, 8], "amp": True}
    assert calls == [("nuclei_pix2pix", expected)]


def test_train_trains_and_tells_of_progress(tmp_path):
    data = write_pairs(tmp_path / "data")
    sets = [part for key, value in TINY.items() if key != "device" for part in ("--set", f"{key}={value}")]
    result = run(cli.app, ["train", "nuclei_pix2pix", "--data", str(data), "--out", str(tmp_path / "out"), *sets])
    assert result.exit_code == 0, result.output
    assert "nuclei_pix2pix 4/4" in result.output
    assert load_generator(tmp_path / "out").image_channels == 1


def test_warnings_are_one_line(tmp_path):
    data = write_pairs(tmp_path / "data", values=2)
    sets = [part for key, value in TINY.items() if key != "device" for part in ("--set", f"{key}={value}")]
    result = run(cli.app, ["train", "nuclei_pix2pix", "--data", str(data), "--out", str(tmp_path / "out"), *sets])
    [line] = [line for line in plain(result.output).splitlines() if "labels look like 2 classes" in line]
    assert line.startswith("Warning: ")


def test_a_training_that_diverges_is_one_line(tmp_path):
    data = write_pairs(tmp_path / "data")
    tiny = {**TINY, "lambda_l1": "1e38", "learning_rate": "1e30"}
    sets = [part for key, value in tiny.items() if key != "device" for part in ("--set", f"{key}={value}")]
    result = run(cli.app, ["train", "nuclei_pix2pix", "--data", str(data), "--out", str(tmp_path / "out"), *sets])
    assert result.exit_code == 2
    assert "is not finite in iteration" in plain(result.output)
    assert "Traceback" not in result.output


def test_preview_draws_a_picture_and_prints_the_table(tmp_path):
    data = write_pairs(tmp_path / "data")
    generator = save_untrained(tmp_path / "generator")
    picture = tmp_path / "preview.png"
    result = run(cli.app, ["preview", "--generator", str(generator), "--data", str(data), "--out", str(picture)])
    assert result.exit_code == 0, result.output
    assert picture.stat().st_size > 0
    assert "inside" in result.output


def test_evaluate_prints_tables_and_writes_a_report(tmp_path):
    real, synthetic, unseen = (str(write_pairs(tmp_path / name, 4)) for name in ("real", "synthetic", "unseen"))
    options = ["--held-out", unseen, "--no-pairs", "--nearest", "2", "--seed", "5", "--crop", "16"]
    result = run(cli.app, ["evaluate", real, synthetic, "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    for text in (
        "Distribution and intensities",
        "KID",
        "Masks found again",
        "left out: paired measures",
        "measures 9/9",
    ):
        assert text in result.output
    assert f"report: {tmp_path / 'out/report.html'}" in result.output
    settings = json.loads((tmp_path / "out/results.json").read_text())["settings"]
    assert (settings["pair_names"], settings["nearest"], settings["seed"], settings["crop"]) == (False, 2, 5, 16)


@pytest.mark.parametrize("key", ["dataset_dir", "output_dir", "seed", "device"])
def test_a_setting_that_contradicts_an_option_is_refused(key):
    result = run(cli.app, ["train", "nuclei_unet", "--data", "d", "--out", "o", "--set", f"{key}=x"])
    assert (result.exit_code, f"--set {key}=... would contradict" in plain(result.output)) == (2, True)


def test_bundles_prints_the_folder_of_any_shipped_one():
    for name in ("nuclei_pix2pix", "nuclei_cyclegan", "nuclei_histology_pix2pix", "nuclei_spade", "nuclei_unet"):
        assert Path(run(cli.app, ["bundles", name]).output.strip()).name == name
    assert "no bundle 'x' is shipped, expected one of nuclei_" in run(cli.app, ["bundles", "x"]).output


def test_bundles_prints_config_files_as_monai_takes_them():
    printed = ast.literal_eval(run(cli.app, ["bundles", "nuclei_rflow", "--configs"]).output)
    assert printed == [str(file) for file in config_files("nuclei_rflow")]
    refused = run(cli.app, ["bundles", "--configs"])
    assert (refused.exit_code, "--configs needs the name of a bundle" in plain(refused.output)) == (2, True)


def test_train_tells_of_splits_and_of_going_on(tmp_path):
    data = write_pairs(tmp_path / "data", 5)
    sets = [part for key, value in TINY.items() if key != "device" for part in ("--set", f"{key}={value}")]
    command = ["train", "nuclei_pix2pix", "--data", str(data), "--out", str(tmp_path / "out"), *sets]
    assert "5 images are taken as 3 for training, 1 for validation, 1 for test" in run(cli.app, command).output
    assert "all 2 epochs are done" in run(cli.app, command).output


def test_masks_fits_a_sampler_to_labels_and_draws_what_it_makes(tmp_path):
    data = write_pairs(tmp_path / "data", 5, (40, 48))
    result = run(cli.app, ["masks", "bank", "--data", str(data), "--out", str(tmp_path / "bank.npz")])
    assert result.exit_code == 0, result.output
    assert "5 labels" in result.output
    assert (tmp_path / "bank.png").is_file()
    result = run(cli.app, ["masks", "bank", "--data", str(data), "--out", str(tmp_path / "bank.json")])
    assert (result.exit_code, "ends with .npz" in plain(result.output)) == (2, True)
