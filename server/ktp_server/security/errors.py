"""Why a server does not start, or does not take over a changed file."""

__all__ = ["SecurityError"]


class SecurityError(Exception):
    """A file of keys or certificates is at fault, or the server would be open to strangers; the message names it."""
