"""What differs between a served model and the local repository is found and said."""

from pathlib import Path

import pytest

from ktp_server.engines.repository import find_model_repository, read_config, read_model_repository
from ktp_server.engines.triton_contract import find_differences
from ktp_server.model_building.options import BuildOptions, Platform
from ktp_server.model_building.platforms import adapt_config
from ktp_server.model_building.profiles import plan_profiles

REPOSITORY = find_model_repository()
RECOGNITION = "ktp_text_recognition"
SPECS = read_model_repository(REPOSITORY)


def differences_after(tmp_path: Path, old: str, new: str) -> list[str]:
    """Serve the recogniser with one thing changed in its configuration."""
    served = tmp_path / "config.pbtxt"
    text = (REPOSITORY / RECOGNITION / "config.pbtxt").read_text(encoding="utf-8")
    assert old in text
    served.write_text(text.replace(old, new), encoding="utf-8")
    return find_differences(SPECS[RECOGNITION], read_config(served))


@pytest.mark.parametrize("keeps_queue_policy", [False, True])
@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("model", sorted(SPECS))
def test_what_we_build_does_not_differ(model: str, platform: Platform, keeps_queue_policy: bool) -> None:
    options = BuildOptions(platform, keeps_queue_policy=keeps_queue_policy)
    built = adapt_config(read_config(REPOSITORY / model / "config.pbtxt"), options, plan_profiles(SPECS[model]), "0")
    assert find_differences(SPECS[model], built) == []


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("TYPE_UINT8\n    dims: [ 32", "TYPE_FP32\n    dims: [ 32", "input image is UINT8 [32, -1, 1] here and FP32 "),
        ("dims: [ 32, -1, 1 ]", "dims: [ 48, -1, 1 ]", "and UINT8 [48, -1, 1] on the server"),
        ('name: "log_probability"', 'name: "y"', "output log_probability is FP32 [-1, 77] here and missing"),
        ("max_batch_size: 64", "max_batch_size: 32", "max_batch_size is 64 here and 32 on the server"),
        ("ABCDEFG", "GFEDCBA", "parameter alphabet is ' 0123456789ABCDEFG"),
    ],
    ids=["type", "shape", "name", "batch", "alphabet"],
)
def test_a_difference_is_said_exactly(tmp_path: Path, old: str, new: str, difference: str) -> None:
    found = differences_after(tmp_path, old, new)
    assert any(line.startswith(f"{RECOGNITION}: ") and difference in line for line in found)


def test_batching_that_the_server_does_not_do_is_a_difference() -> None:
    config = read_config(REPOSITORY / RECOGNITION / "config.pbtxt")
    config.ClearField("dynamic_batching")
    assert find_differences(SPECS[RECOGNITION], config) == [
        f"{RECOGNITION}: dynamic_batching is set here and not on the server"
    ]


def test_larger_batches_and_further_parameters_are_no_difference(tmp_path: Path) -> None:
    assert differences_after(tmp_path, "max_batch_size: 64", "max_batch_size: 128") == []
    more = 'parameters { key: "x" value: { string_value: "y" } }\nparameters {\n  key: "widths"'
    assert differences_after(tmp_path, 'parameters {\n  key: "widths"', more) == []
