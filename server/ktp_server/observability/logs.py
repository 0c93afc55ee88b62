"""Log lines, for people or for machines, and what never stands in them.

- An exception's message may quote what it choked on, a card's text for instance: only its type and stack are written,
  for our own exceptions and for those that libraries log.
- `log_level` is for this server. Libraries are heard from WARNING on: Pillow, for one, writes an image's EXIF at DEBUG.
"""

import asyncio
import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

__all__ = ["FACTS_KEY", "Facts", "JsonFormatter", "TextFormatter", "configure_logging", "facts_of", "log_loop_failure"]

logger = logging.getLogger(__name__)

OWN_LOGGERS = ("ktp_server", "ktp_preprocessing", "ktp_postprocessing")

FACTS_KEY = "facts"
"""Attribute of a log record with what is said beside its message."""

Facts = Mapping[str, str | int | float | Mapping[str, float]]
"""Names and values that a line carries beside its message."""

PLAIN_PATTERN = re.compile(r"[\w.:/-]+", re.ASCII)
"""Text that needs no quotes; a caller's request id could otherwise pass for further facts."""

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def configure_logging(level: str, form: str) -> None:
    """Write to standard error from now on.

    Args:
        level: least severity of this server's own lines.
        form: `text` or `json`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)


def facts_of(record: logging.LogRecord) -> Facts:
    """Give what a record says beside its message."""
    facts: Facts = getattr(record, FACTS_KEY, {})
    return facts


def log_loop_failure(_: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    """Log what failed in a task that nobody waits for; an event loop's exception handler.

    asyncio's own puts the exception's message into the line.
    """
    error = context.get("exception")
    info = (type(error), error, error.__traceback__) if isinstance(error, BaseException) else None
    logger.error("event loop: %s", context.get("message", "unhandled failure"), exc_info=info)


class TextFormatter(logging.Formatter):
    """`time LEVEL logger: message name=value ...`, then an exception's stack."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"
        facts = (f" {name}={_to_text(value)}" for name, value in facts_of(record).items())
        exception = f"\n{_describe_exception(record.exc_info)}" if record.exc_info else ""
        return "".join((line, *facts, exception))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the facts, an exception's stack."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **facts_of(record),
        }
        if record.exc_info:
            line["exception"] = _describe_exception(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def _describe_exception(info: ExceptionInfo) -> str:
    kind, _, stack = info
    name = "" if kind is None else kind.__qualname__
    return "".join(traceback.format_tb(stack)) + name


def _to_text(value: str | float | Mapping[str, float]) -> str:
    if isinstance(value, str) and PLAIN_PATTERN.fullmatch(value):
        return value
    return json.dumps(value, separators=(",", ":"))
