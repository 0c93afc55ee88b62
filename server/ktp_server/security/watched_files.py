"""Whether files have changed since they were last looked at."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["WatchedFiles"]

Stamp = tuple[int, int, int] | None
"""Change time in nanoseconds, bytes, inode; None where there is no file."""


class WatchedFiles:
    """Remembers what files looked like; a few microseconds a look.

    Kubernetes exchanges mounted secrets by a link: links are followed, and the inode tells the exchange.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Take the first look.

        Args:
            paths: the files; they need not exist.
        """
        self._paths = tuple(paths)
        self._stamps = self._look()

    def have_changed(self) -> bool:
        """Tell whether any differs from the last look, and remember this one."""
        before, self._stamps = self._stamps, self._look()
        return before != self._stamps

    def _look(self) -> list[Stamp]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> Stamp:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
