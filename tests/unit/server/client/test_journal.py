"""A journal that was cut anywhere holds what was whole, and goes on."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_server.card_json import JsonValue
from ktp_server.client.journal import Journal, JournalError, JournalHeading, SourceFile

HEADING = JournalHeading("/photos", ("sharpness",))
NAMES = st.text(st.characters(codec=None), min_size=1, max_size=20)
ROWS = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=20), max_size=4
)


def source(name: str) -> SourceFile:
    return SourceFile(name, 10, 20)


@given(st.dictionaries(NAMES, ROWS, max_size=8), st.data())
def test_a_journal_cut_anywhere_keeps_what_is_whole(rows: dict[str, dict[str, JsonValue]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal")
        ends: dict[str, int] = {}
        with Journal.open(path, HEADING) as journal:
            for name, row in rows.items():
                journal.append(source(name), row)
                ends[name] = path.stat().st_size
        cut = data.draw(st.integers(0, path.stat().st_size))
        damage = data.draw(st.sampled_from([b"", b"\x00\x00\n", b"{}\n", b"[1]\n"]))
        whole = path.read_bytes()[:cut]
        path.write_bytes(whole + damage if whole.endswith(b"\n") else whole)
        with Journal.open(path, HEADING) as journal:
            kept = [name for name in rows if source(name) in journal]
            assert kept == [name for name in rows if ends[name] <= cut]
            assert [journal.row(source(name)) for name in kept] == [rows[name] for name in kept]
            for name in rows.keys() - set(kept):
                journal.append(source(name), rows[name])
        with Journal.open(path, HEADING) as journal:
            assert {name: journal.row(source(name)) for name in rows} == rows


def test_a_file_that_has_changed_is_another(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(b"one")
    before = SourceFile.of(path, tmp_path)
    assert (before.name, before.size_bytes) == ("deeper/a.jpg", 3)
    path.write_bytes(b"three")
    assert SourceFile.of(path, tmp_path) != before
    assert SourceFile.of(tmp_path / "gone.jpg", tmp_path) == SourceFile("gone.jpg", 0, 0)


@pytest.mark.parametrize("other", [JournalHeading("/other", ("sharpness",)), JournalHeading("/photos", ())])
def test_rows_of_another_batch_are_not_mixed_in(tmp_path: Path, other: JournalHeading) -> None:
    path = tmp_path / "journal"
    with Journal.open(path, HEADING) as journal:
        journal.append(source("a"), {"status": "OK"})
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another folder"), Journal.open(path, other):
        pass
    assert path.read_bytes() == before


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    with (
        Journal.open(tmp_path / "journal", HEADING),
        pytest.raises(JournalError, match="another run"),
        Journal.open(tmp_path / "journal", HEADING),
    ):
        pass


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal", HEADING):
        assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600
