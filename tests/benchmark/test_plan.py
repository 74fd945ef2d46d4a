"""Plans of benchmarks and their settings."""

from __future__ import annotations

import pytest

from monai_genaug.benchmark.plan import check_keys, check_list, choose_setting, read_plan

PLAN = {"kind": "a", "epochs": 200, "net": {"width": 64, "depth": 8}, "settings": {"full": None, "short": {}}}


def test_an_empty_setting_is_the_plan_itself():
    assert choose_setting(PLAN, "full") == choose_setting(PLAN, "short") == {"epochs": 200, "net": PLAN["net"]}


def test_a_setting_changes_single_keys_of_a_mapping_and_leaves_the_plan_alone():
    plan = {**PLAN, "settings": {"short": {"net": {"width": 16}, "crop": 8}}}
    assert choose_setting(plan, "short") == {"epochs": 200, "net": {"width": 16, "depth": 8}, "crop": 8}
    assert plan["net"] == {"width": 64, "depth": 8}


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ({}, "shrt", "setting is 'shrt', expected one of 'full', 'short'"),
        ({"settings": None}, "short", "the plan has no settings"),
        ({"settings": ["short"]}, "short", "the plan has no settings"),
        ({"settings": {"short": {"data": "x"}}}, "short", "has data, which belongs to the whole plan"),
        ({"settings": {"short": 3}}, "short", "the setting 'short' is 3, expected a mapping"),
    ],
    ids=["unknown", "none", "a list", "data", "a number"],
)
def test_wrong_settings_are_refused(change, name, message):
    with pytest.raises(ValueError, match=message):
        choose_setting({**PLAN, **change}, name)


def test_a_setting_adds_no_names_to_what_a_plan_names():
    plan = {**PLAN, "nets": {"unet": {}}, "settings": {"short": {"nets": {"unett": {"epochs": 1}}}}}
    with pytest.raises(
        ValueError, match="nets of the setting 'short' has the unknown entry 'unett', did you mean 'unet'"
    ):
        choose_setting(plan, "short", named=["nets"])
    assert choose_setting(plan, "short")["nets"] == {"unet": {}, "unett": {"epochs": 1}}


def test_an_unknown_key_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="the plan has the unknown entry 'epoch', did you mean 'epochs'"):
        check_keys({"seeds": 1, "epoch": 2}, ["seeds", "epochs"], "the plan")
    with pytest.raises(ValueError, match=r"unknown entry 'zzz'\. Known are seeds"):
        check_keys({"zzz": 2}, ["seeds"], "the plan")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is no valid YAML"),
        ("- kind", "has no entry `kind`"),
        ("epochs: 3", "has no entry `kind`"),
        ("", "kind"),
    ],
    ids=["broken", "a list", "no kind", "empty"],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path, text, message):
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_plan(file)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"plan\.yaml does not exist"):
        read_plan(tmp_path / "plan.yaml")


def test_a_setting_reaches_into_mappings_of_mappings():
    plan = {
        "kind": "a",
        "nets": {"x": {"width": 3, "depth": 2}, "y": {"width": 5}},
        "settings": {"s": {"nets": {"x": {"width": 9}}}},
    }
    assert choose_setting(plan, "s")["nets"] == {"x": {"width": 9, "depth": 2}, "y": {"width": 5}}


def test_what_is_built_of_a_mapping_is_replaced_as_a_whole():
    plan = {"kind": "a", "net": {"_target_": "A", "width": 3}, "settings": {"s": {"net": {"_target_": "B"}}}}
    assert choose_setting(plan, "s")["net"] == {"_target_": "B"}


@pytest.mark.parametrize("name", ["a", 3, True])
def test_what_is_no_list_of_whole_numbers_is_refused(name):
    with pytest.raises(ValueError, match="seeds is"):
        check_list("seeds", name, 0)
