"""The images, as far as they can be judged without building them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from ktp_server.configuration import environment_name
from ktp_server.settings import Settings
from tests.unit.deploy.dockerfile_rules import Dockerfile, find_faults

ROOT = Path(__file__).parents[3]
DOCKERFILES = ("Dockerfile", "Dockerfile.gpu")
SETTING_NAMES = {environment_name(name) for name in Settings.model_fields}

GOOD = """
ARG BASE=python:3.11.13-slim
FROM ${BASE} AS build
COPY pyproject.toml ./
RUN apt-get update && apt-get install --no-install-recommends -y git && rm -rf /var/lib/apt/lists/*
FROM ${BASE}
COPY --from=build /x /x
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["x"]
"""


@pytest.mark.parametrize("name", DOCKERFILES)
def test_dockerfile_keeps_the_rules(name: str) -> None:
    assert find_faults((ROOT / name).read_text(), ROOT) == []


def test_the_example_keeps_the_rules() -> None:
    assert find_faults(GOOD, ROOT) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("python:3.11.13-slim", "python:latest", "not pinned"),
        ("python:3.11.13-slim", "python", "not pinned"),
        ("python:3.11.13-slim", "python:3", "not pinned"),
        ("${BASE} AS build", "python:3.11.13-slim AS build", "no argument"),
        ("COPY pyproject.toml", "COPY missing.toml", "no such file"),
        ("COPY pyproject.toml", "COPY Makefile", "keeps it back"),
        ("COPY pyproject.toml ./", "ADD pyproject.toml ./", "ADD"),
        (" && rm -rf /var/lib/apt/lists/*", "", "apt lists"),
        (" --no-install-recommends", "", "recommends"),
        ("USER 10001:10001", "USER root", "not root"),
        ("USER 10001:10001", "", "not root"),
        ("USER 10001:10001", "USER somebody", "not root"),
        ("HEALTHCHECK NONE", "", "HEALTHCHECK"),
        ('ENTRYPOINT ["x"]', "ENTRYPOINT x", "shell form"),
        ("HEALTHCHECK NONE", "HEALTHCHECK NONE\nENV DB_PASSWORD=x", "baked"),
        ("HEALTHCHECK NONE", "HEALTHCHECK NONE\nRUN pip install numpy", "versions would float"),
        ("HEALTHCHECK NONE", "HEALTHCHECK NONE\nRUN curl https://x | sh", "piped installers"),
        ("HEALTHCHECK NONE", "HEALTHCHECK NONE\nWORKDIR x", "relative"),
    ],
)
def test_each_rule_finds_its_fault(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    assert [found for found in find_faults(GOOD.replace(old, new), ROOT) if fault in found]


def test_digests_are_pins() -> None:
    assert find_faults(GOOD.replace("python:3.11.13-slim", f"python@sha256:{'0' * 64}"), ROOT) == []


def test_what_the_build_needs_is_copied() -> None:
    """The wheel's build reads these; a package that is added must come along."""
    packages = re.findall(r'"(\w+)/ktp_\w+",', (ROOT / "pyproject.toml").read_text())
    for name in DOCKERFILES:
        copied = " ".join(Dockerfile.parse((ROOT / name).read_text()).stages[0].all("COPY"))
        missing = {*packages, "proto", "triton_models", "hatch_build.py", "LICENSE", "README.md"} - set(copied.split())
        assert missing == set(), name


@pytest.mark.parametrize("name", [*DOCKERFILES, "compose.gpu.yaml"])
def test_settings_in_the_environment_exist(name: str) -> None:
    found = set(re.findall(r"KTP_OCR_\w+", (ROOT / name).read_text()))
    assert found
    assert found <= SETTING_NAMES


@pytest.mark.parametrize("name", DOCKERFILES)
def test_extras_that_are_installed_exist(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = set(re.findall(r"(?:ktp-ocr|\.|\.whl\))\[(\w+)\]['\"]", (ROOT / name).read_text()))
    assert installed
    assert installed <= set(project["optional-dependencies"])


@pytest.mark.parametrize("name", DOCKERFILES)
def test_our_own_package_comes_from_no_index(name: str) -> None:
    """Whoever puts a ktp-ocr of a higher version into a public index must not get into the images."""
    runs = [run for stage in Dockerfile.parse((ROOT / name).read_text()).stages for run in stage.all("RUN")]
    installs = [run for run in runs if "pip install" in run and re.search("ktp.ocr", run)]
    assert installs
    assert all("--no-index" in run or "/wheels/ktp_ocr-*.whl" in run for run in installs)


def test_exposed_ports_are_bound_beyond_the_container() -> None:
    """Triton binds its metrics where it binds HTTP, unless it is told otherwise."""
    (triton,) = [
        stage for stage in Dockerfile.parse((ROOT / "Dockerfile.gpu").read_text()).stages if stage.name == "triton"
    ]
    (exposed,), (command,) = triton.all("EXPOSE"), triton.all("CMD")
    assert exposed.split() == ["8001", "8002"]
    assert "--http-address=127.0.0.1" in command
    assert "--metrics-address=0.0.0.0" in command


def test_both_nvidia_images_are_of_one_release() -> None:
    arguments = Dockerfile.parse((ROOT / "Dockerfile.gpu").read_text()).arguments
    releases = {arguments[name].rpartition(":")[2] for name in ("TRITON_IMAGE", "TENSORRT_IMAGE")}
    assert len(releases) == 1


def test_compose_runs_stages_that_exist_and_gives_them_nothing_they_do_not_need() -> None:
    compose = yaml.safe_load((ROOT / "compose.gpu.yaml").read_text())
    stages = {stage.name for stage in Dockerfile.parse((ROOT / "Dockerfile.gpu").read_text()).stages}
    for name, service in compose["services"].items():
        assert service["build"]["target"] in stages
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service, name
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(compose["volumes"])
    published = [name for name, service in compose["services"].items() if "ports" in service]
    assert published == ["front"]
