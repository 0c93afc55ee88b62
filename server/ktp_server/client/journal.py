"""What a batch has done already: one line an image, so that a run which was killed goes on where it stood.

    {"journal": 1, "folder": ..., "require": [...]}                    first line: what the rows belong to
    {"file": ..., "size": ..., "modified_ns": ..., "row": {...}}       one for each image with its answer

A line counts once it is there in full; a torn end is cut off, and its image is read again. The file holds what cards
say, as the results do: only its owner can read it.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypedDict

from ktp_server.card_json import JsonValue

__all__ = ["Journal", "JournalError", "JournalHeading", "SourceFile"]

FORMAT = 1


class JournalError(Exception):
    """The journal belongs to something else, or another run has it."""


@dataclass(frozen=True, slots=True)
class JournalHeading:
    """What the rows belong to.

    Attributes:
        folder: the batch's, absolute.
        require: checks that had to pass.
    """

    folder: str
    require: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was when it was read; one that has changed since is another.

    Attributes:
        name: path below the batch's folder.
        size_bytes: its size.
        modified_ns: time of its last change, nanoseconds since 1970.
    """

    name: str
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path, folder: Path) -> "SourceFile":
        """Look at a file; one that cannot be looked at has no size and no time."""
        name = path.relative_to(folder).as_posix()
        try:
            status = path.stat()
        except OSError:
            return cls(name, 0, 0)
        return cls(name, status.st_size, status.st_mtime_ns)


class _Line(TypedDict):
    file: str
    size: int
    modified_ns: int
    row: dict[str, JsonValue]


class Journal:
    """Rows by file, in a file that only grows."""

    def __init__(self, file: BinaryIO, heading: JournalHeading) -> None:
        """Take up what an earlier run has left; see `Journal.open`.

        Args:
            file: open for reading and writing, at its beginning.
            heading: what the rows belong to.

        Raises:
            JournalError: the journal belongs to something else.
        """
        self._file = file
        self._offsets: dict[SourceFile, int] = {}
        first = _heading_line(heading)
        found = file.readline()
        if not first.startswith(found):
            raise JournalError("it is of a batch of another folder or other checks; remove it to begin anew")
        end = len(first) if found == first else 0
        for line in file if end else ():
            source = _parse_source(line)
            if source is None:
                break
            self._offsets[source] = end
            end += len(line)
        file.truncate(end)
        file.seek(end)
        if not end:
            self._write(first)

    @classmethod
    @contextmanager
    def open(cls, path: Path, heading: JournalHeading) -> Iterator["Journal"]:
        """Open the journal at a path, a new one where there is none, and keep other runs away from it.

        Raises:
            JournalError: it belongs to something else, or another run has it.
            OSError: it cannot be read or written.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalError("another run is writing it") from None
            yield cls(file, heading)

    def __contains__(self, source: SourceFile) -> bool:
        return source in self._offsets

    def append(self, source: SourceFile, row: dict[str, JsonValue]) -> None:
        """Note an image's answer; once this returns, killing the process loses it no more."""
        self._offsets[source] = self._file.tell()
        line = _Line(file=source.name, size=source.size_bytes, modified_ns=source.modified_ns, row=row)
        self._write(json.dumps(line).encode("ascii") + b"\n")

    def row(self, source: SourceFile) -> dict[str, JsonValue]:
        """Give an image's answer.

        Raises:
            KeyError: it has none.
        """
        end = self._file.tell()
        self._file.seek(self._offsets[source])
        line: _Line = json.loads(self._file.readline())
        self._file.seek(end)
        return line["row"]

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()


def _heading_line(heading: JournalHeading) -> bytes:
    line = {"journal": FORMAT, "folder": heading.folder, "require": heading.require}
    return json.dumps(line).encode("ascii") + b"\n"


def _parse_source(line: bytes) -> SourceFile | None:
    """Whose answer a line holds; None for one that is not there in full."""
    if not line.endswith(b"\n"):
        return None
    try:
        parsed: _Line = json.loads(line)
        return SourceFile(parsed["file"], parsed["size"], parsed["modified_ns"])
    except (ValueError, KeyError, TypeError):
        return None
