"""Reads image files and gives each one's outcome, success or failure, as `ktp-ocr read` and `call` report it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ktp_server.card_json import (
    JsonValue,
    card_to_json,
    fields_to_json,
    findings_to_json,
    normalised_to_json,
    points_to_json,
)
from ktp_server.errors import ErrorReason, RecognitionError, reportable_failure
from ktp_server.results import AssessmentResult, QualityScoreResult, RecognitionResult

__all__ = [
    "OK_STATUS",
    "FileOutcome",
    "ReadImage",
    "assessment_to_json",
    "failure_to_json",
    "find_images",
    "outcome_to_json",
    "read_files",
    "unreadable_file",
]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
"""Names that a folder's files are chosen by; a file named by itself is read whatever its name."""

OK_STATUS = "OK"

ReadImage = Callable[[bytes], Awaitable[RecognitionResult]]
"""Reads the card in an image: of the pipeline, or of a client."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file; exactly one of `result` and `error` is set."""

    path: Path
    result: RecognitionResult | None = None
    error: RecognitionError | None = None


def find_images(paths: Iterable[Path]) -> list[Path]:
    """List the files to read.

    Args:
        paths: files, taken as they are, and folders, searched for images at any depth in the order of their names.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files.extend(sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()))
        else:
            files.append(path)
    return files


async def read_files(read: ReadImage, paths: Sequence[Path], concurrency: int) -> AsyncIterator[FileOutcome]:
    """Read files, several at a time, and yield their outcomes in the order of the paths.

    Args:
        read: reads one image.
        paths: files.
        concurrency: files in work at a time.
    """
    tasks: list[asyncio.Task[FileOutcome]] = []
    try:
        for index in range(len(paths)):
            while len(tasks) < min(index + concurrency, len(paths)):
                tasks.append(asyncio.create_task(_read_file(read, paths[len(tasks)])))
            yield await tasks[index]
    finally:
        for task in tasks:
            task.cancel()


def outcome_to_json(outcome: FileOutcome) -> dict[str, JsonValue]:
    """Give an outcome in the form of `ktp-ocr read --json`: plain values for json.dumps."""
    result = outcome.result
    if result is None:
        error = outcome.error or RecognitionError(ErrorReason.INTERNAL, "no result")
        return {
            "file": str(outcome.path),
            "status": error.reason.value,
            "message": error.message,
            "fields": {},
            "normalised": {},
            "findings": [],
            "quality": {},
            "glare_quads": [],
            "covered_fields": [],
            "card": None,
            "timings_ms": {},
        }
    return {
        "file": str(outcome.path),
        "status": OK_STATUS,
        "message": "",
        "fields": fields_to_json(result.card.fields),
        "normalised": normalised_to_json(result.card.normalised),
        "findings": findings_to_json(result.card.findings),
        "quality": {name: _score(score) for name, score in result.quality.items()},
        "glare_quads": [points_to_json(quad) for quad in result.glare_quads],
        "covered_fields": list(result.covered_fields),
        "card": card_to_json(result.card),
        "timings_ms": {stage: round(duration_ms, 3) for stage, duration_ms in result.timings_ms.items()},
    }


def assessment_to_json(path: Path, result: AssessmentResult) -> dict[str, JsonValue]:
    """Give an assessment in the form of `ktp-ocr check --json`."""
    return {
        "file": str(path),
        "status": OK_STATUS,
        "message": "",
        "requirements": {
            item.name: {
                "measured": item.measured,
                "threshold": item.threshold,
                "passed": item.passed,
                "action": "reject" if item.rejects else "warn",
            }
            for item in result.requirements
        },
        "quality": {name: _score(score) for name, score in result.quality.items()},
        "glare_quads": [points_to_json(quad) for quad in result.glare_quads],
        "card": card_to_json(result.card),
    }


def failure_to_json(path: Path, error: RecognitionError) -> dict[str, JsonValue]:
    """Give a file that cannot be used in the same form."""
    return {
        "file": str(path),
        "status": error.reason.value,
        "message": error.message,
        "requirements": {},
        "quality": {},
        "glare_quads": [],
        "card": None,
    }


def unreadable_file(error: OSError) -> RecognitionError:
    """Give the failure of a file whose bytes cannot be had."""
    message = f"the file cannot be read: {error.strerror or type(error).__name__}"
    return RecognitionError(ErrorReason.REQUEST_INVALID, message)


async def _read_file(read: ReadImage, path: Path) -> FileOutcome:
    try:
        data = await asyncio.to_thread(path.read_bytes)
        return FileOutcome(path, result=await read(data))
    except OSError as error:
        return FileOutcome(path, error=unreadable_file(error))
    except Exception as error:  # noqa: BLE001  # one bad file never stops the rest
        return FileOutcome(path, error=reportable_failure(error))


def _score(score: QualityScoreResult) -> dict[str, JsonValue]:
    return {
        "score": round(score.score, 4),
        "threshold": round(score.threshold, 4),
        "passed": score.passed,
        "reason": score.reason,
    }
