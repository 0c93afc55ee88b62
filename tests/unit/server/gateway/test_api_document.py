"""docs/api.md says of HTTP what the tables of the code say."""

import re
from pathlib import Path

from ktp_server.errors import ERROR_POLICIES
from ktp_server.gateway.card_api import ASSESS_PATH, RECOGNIZE_PATH
from ktp_server.gateway.form_api import FORM_PATH, MESSAGES
from ktp_server.gateway.job_api import JOB_PATH

DOCUMENT = (Path(__file__).parents[4] / "docs" / "api.md").read_text("utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = DOCUMENT.split(f"### {title}\n")[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_paths_are_named() -> None:
    for path in (JOB_PATH, FORM_PATH, RECOGNIZE_PATH, ASSESS_PATH):
        assert f"| `POST {path}` |" in DOCUMENT
        assert re.search(rf"curl .*http://127\.0\.0\.1:8080{re.escape(path)}$", DOCUMENT, re.MULTILINE)


def test_statuses_of_the_form_api() -> None:
    table = {status: (http, charged, message) for status, http, charged, message in rows("The form API")}
    assert table.pop("OK")[:2] == ("200", "yes")
    assert {status: message for status, (_, _, message) in table.items()} == dict(MESSAGES)
    for policy in ERROR_POLICIES.values():
        http, charged, _ = table[policy.form_status]
        assert str(policy.http_status) in http.split(", ")
        assert charged == ("yes" if policy.charged else "no")


def test_http_status_codes() -> None:
    table = dict(rows("HTTP status codes"))
    for reason, policy in ERROR_POLICIES.items():
        text = table[str(policy.http_status)]
        assert reason.value in text
        assert (text.find("charged:") in range(text.find(reason.value))) == policy.charged
