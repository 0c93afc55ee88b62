"""The file of hashed keys: read by servers while it changes, changed by `ktp-ocr keys`."""

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ktp_server.security.api_keys import ApiKey, KeySet, parse_key_lines
from ktp_server.security.errors import SecurityError
from ktp_server.security.watched_files import WatchedFiles

__all__ = ["Keyring", "add_key", "read_keys", "revoke_key"]

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 1.0
"""A changed file is noticed after at most so long, with the next call."""


class Keyring:
    """The keys that hold now; used on the event loop only.

    A file that has become faulty or is gone leaves the keys as they were: a slip in an editor locks nobody out.
    """

    def __init__(self, path: Path) -> None:
        """Read the keys.

        Args:
            path: the key file.

        Raises:
            SecurityError: it cannot be read, or holds no key.
        """
        self._path = path
        self._watched = WatchedFiles([path])
        self._looked_at_s = time.monotonic()
        self._keys = self._read()

    def find(self, presented: str) -> ApiKey | None:
        """Give the key that a caller shows; None if there is no such key now."""
        now_s = time.monotonic()
        if now_s - self._looked_at_s >= LOOK_INTERVAL_S:
            self._looked_at_s = now_s
            if self._watched.have_changed():
                self.reload()
        return self._keys.find(presented)

    def reload(self) -> None:
        """Read the file anew; a faulty one is logged and changes nothing."""
        try:
            self._keys = self._read()
        except SecurityError as error:
            logger.error("the API keys stay as they were: %s", error)  # noqa: TRY400  # the message says it all
        else:
            logger.info("API keys read anew from %s", self._path)

    def _read(self) -> KeySet:
        keys = read_keys(self._path)
        if not keys:
            raise SecurityError(f"api_keys {self._path} holds no key; make one with `ktp-ocr keys add NAME`")
        return KeySet(keys)


def read_keys(path: Path) -> list[ApiKey]:
    """Read all keys of a file.

    Raises:
        SecurityError: it cannot be read, or a line is faulty.
    """
    return parse_key_lines(_read_text(path), f"api_keys {path}")


def add_key(path: Path, key: ApiKey) -> None:
    """Write a key into the file, which is made if there is none.

    Raises:
        SecurityError: a key of that name is there, or the file cannot be read or written.
    """
    with _open_for_change(path) as text:
        if any(other.name == key.name for other in parse_key_lines(text, f"api_keys {path}")):
            raise SecurityError(f"a key called {key.name} is there; revoke it first, or choose another name")
        _write_lines(path, [*text.splitlines(), key.to_line()])


def revoke_key(path: Path, name: str) -> None:
    """Take a key out of the file.

    Raises:
        SecurityError: no key of that name is there, or the file cannot be read or written.
    """
    with _open_for_change(path) as text:
        if all(key.name != name for key in parse_key_lines(text, f"api_keys {path}")):
            raise SecurityError(f"no key called {name} is in {path}")
        _write_lines(path, [line for line in text.splitlines() if line.strip().partition(":")[0] != name])


@contextmanager
def _open_for_change(path: Path) -> Iterator[str]:
    """Hold the folder, so that two commands at a time lose no key, and give the file's text."""
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise SecurityError(f"the folder of {path} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield _read_text(path) if path.exists() else ""
    finally:
        os.close(folder)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise SecurityError(f"api_keys {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecurityError(f"api_keys {path} is no text file") from None


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    """Exchange the file in one step: a server reads the old one or the new one, and so does who comes after a crash."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        new_path = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
                file.flush()
                os.fsync(descriptor)
            if path.exists():
                shutil.copymode(path, new_path)
            new_path.replace(path)
        finally:
            new_path.unlink(missing_ok=True)
    except OSError as error:
        raise SecurityError(f"api_keys {path} cannot be written: {error.strerror}") from None
