"""The key file, as servers read it and commands change it."""

import logging
import resource
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ktp_server.security import key_file
from ktp_server.security.api_keys import make_api_key
from ktp_server.security.errors import SecurityError
from ktp_server.security.key_file import Keyring, add_key, read_keys, revoke_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


def add(path: Path, name: str) -> str:
    presented, key = make_api_key(name)
    add_key(path, key)
    return presented


def names(path: Path) -> list[str]:
    return [key.name for key in read_keys(path)]


def test_add_and_revoke(path: Path) -> None:
    for name in ("one", "two", "three"):
        add(path, name)
    revoke_key(path, "two")
    assert names(path) == ["one", "three"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_comments_and_the_files_mode_are_kept(path: Path) -> None:
    path.write_text("# staff")
    path.chmod(0o640)
    add(path, "one")
    add(path, "two")
    revoke_key(path, "one")
    assert path.read_text().startswith("# staff\ntwo:")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_commands_at_the_same_time_lose_no_key(path: Path) -> None:
    wanted = [f"key-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: add(path, name), wanted))
    assert sorted(names(path)) == sorted(wanted)
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_what_cannot_be_done_is_told(path: Path, tmp_path: Path) -> None:
    add(path, "one")
    with pytest.raises(SecurityError, match="a key called one is there"):
        add(path, "one")
    with pytest.raises(SecurityError, match="no key called two"):
        revoke_key(path, "two")
    with pytest.raises(SecurityError, match=r"nowhere/keys\.txt"):
        add(tmp_path / "nowhere" / "keys.txt", "one")
    with pytest.raises(SecurityError, match="cannot be read"):
        read_keys(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SecurityError, match="is no text file"):
        read_keys(path)
    path.write_text("faulty\n")
    with pytest.raises(SecurityError, match="line 1"):
        add(path, "two")
    assert path.read_text() == "faulty\n"


def test_a_full_disk_leaves_the_file_as_it_was(path: Path) -> None:
    first = add(path, "first")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(SecurityError, match="cannot be written"):
            add(path, "second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Keyring(path).find(first) is not None
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_a_server_needs_a_key(path: Path) -> None:
    with pytest.raises(SecurityError, match="cannot be read: No such file"):
        Keyring(path)
    path.write_text("# none yet\n")
    with pytest.raises(SecurityError, match="ktp-ocr keys add"):
        Keyring(path)


def test_a_changed_file_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "LOOK_INTERVAL_S", 0.0)
    first = add(path, "first")
    keyring = Keyring(path)
    second = add(path, "second")
    assert keyring.find(second) is not None
    revoke_key(path, "first")
    assert keyring.find(first) is None
    assert keyring.find(second) is not None


def test_between_two_looks_a_file_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "LOOK_INTERVAL_S", 3600.0)
    add(path, "first")
    keyring = Keyring(path)
    second = add(path, "second")
    assert keyring.find(second) is None
    keyring.reload()
    assert keyring.find(second) is not None


def test_a_faulty_or_missing_file_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(key_file, "LOOK_INTERVAL_S", 0.0)
    first = add(path, "first")
    keyring = Keyring(path)
    with caplog.at_level(logging.ERROR):
        path.write_text("first.s3cret\n")
        assert keyring.find(first) is not None
        assert keyring.find(first) is not None
        path.unlink()
        assert keyring.find(first) is not None
    assert [record.message.partition(":")[0] for record in caplog.records] == ["the API keys stay as they were"] * 2
    assert "s3cret" not in caplog.text
