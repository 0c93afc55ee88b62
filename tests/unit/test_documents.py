"""The documents say what is there: links lead somewhere, settings and error reasons are complete."""

import re
from pathlib import Path

import pytest

from ktp_server.errors import ERROR_POLICIES
from ktp_server.settings_document import write_document

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert not missing


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
