"""The documents say what is there: links lead somewhere, settings and error reasons are complete."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from ktp_server.errors import ERROR_POLICIES
from ktp_server.settings_document import write_document

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "training", "triton_models")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def anchors(document: Path) -> set[str]:
    """What `#...` may lead to: GitHub's names of the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text("utf-8"))
    places = [(document.parent / path if path else document, anchor) for path, anchor in links]
    assert [place for place, _ in places if not place.exists()] == []
    assert [(place, anchor) for place, anchor in places if anchor and anchor not in anchors(place)] == []


def test_every_module_that_the_architecture_names_exists() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    files = set(re.findall(r"`([a-z_/*]+\.py)`", document))
    modules = {f"ktp_preprocessing.{name}" for name in re.findall(r"`\.([a-z_]+)`", document)}
    modules |= set(re.findall(r"`(ktp_(?:pre|post)processing\.[a-z_]+)`", document))
    assert len(files) >= 15
    assert len(modules) >= 12
    server = ROOT / "server" / "ktp_server"
    assert [name for name in sorted(files) if not [*server.glob(name), *server.glob(f"*/{name}")]] == []
    assert [name for name in sorted(modules) if find_spec(name) is None] == []


def test_every_folder_of_the_table_exists() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    folders = re.findall(r"^\| \[`([a-z_]+)/`\]", readme, re.MULTILINE)
    assert len(folders) >= 10
    assert all((ROOT / folder).is_dir() for folder in folders)


def test_the_settings_document_is_what_the_class_says() -> None:
    """`make docs` writes it."""
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == write_document()


def test_every_error_reason_is_explained() -> None:
    document = (ROOT / "docs" / "api.md").read_text("utf-8")
    for reason, policy in ERROR_POLICIES.items():
        assert f"| {reason.value} | {policy.grpc_code} |" in document


def test_every_finding_is_explained() -> None:
    sources = (ROOT / "postprocessing" / "ktp_postprocessing").glob("*.py")
    found = {
        (code, severity)
        for source in sources
        for code, severity in re.findall(r'Finding\(\s*"([A-Z0-9_]+)", Severity\.([A-Z]+)', source.read_text("utf-8"))
    }
    document = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert len(found) >= 11
    assert [pair for pair in found if f"| {pair[0]} | {pair[1]} |" not in document] == []
