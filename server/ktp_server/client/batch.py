"""Reads a folder of images by a server into one table, and goes on where an earlier run was interrupted.

What it does:

    files ─▶ not in the journal ─▶ one stream, few images under way ─▶ journal ─▶ table, journal removed
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ktp_server.card_json import JsonValue
from ktp_server.client.asynchronous import AsyncKtpOcrClient
from ktp_server.client.endpoint import MAX_MESSAGE_BYTES
from ktp_server.client.failures import CallError
from ktp_server.client.images import IN_FLIGHT_COUNT, CardImage
from ktp_server.client.journal import Journal, JournalError, JournalHeading, SourceFile
from ktp_server.client.tables import TableError, check_table, write_table
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.outcomes import FileOutcome, find_images, outcome_to_json, unreadable_file

__all__ = ["BatchError", "BatchPlan", "BatchProgress", "run_batch"]

ENVELOPE_BYTES = 64 * 1024
"""What a message may have beside its image."""

STOPPING_REASONS = frozenset(
    {ErrorReason.UNAUTHENTICATED, ErrorReason.OVERLOADED, ErrorReason.RATE_LIMITED, ErrorReason.MODEL_UNAVAILABLE}
)
"""Failures that say nothing about the image: it is read when the batch goes on."""


class BatchError(Exception):
    """The batch cannot begin or go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What to read, and where to put it.

    Attributes:
        folder: searched for images at any depth.
        out: the table, which is made when all images are done; its suffix chooses the format.
        require: checks that must pass, by name.
        in_flight_count: images under way at a time.
    """

    folder: Path
    out: Path
    require: tuple[str, ...] = ()
    in_flight_count: int = IN_FLIGHT_COUNT

    @property
    def journal(self) -> Path:
        """Where the answers are kept until then."""
        return self.out.with_name(self.out.name + ".journal")


BatchProgress = Callable[[int, int], None]
"""Told of images done and images in all, at the start and after each."""


async def run_batch(client: AsyncKtpOcrClient, plan: BatchPlan, progress: BatchProgress) -> Mapping[str, int]:
    """Read every image of a folder once, over as many runs as it takes, and write the table.

    Args:
        client: calls the server.
        plan: what and where.
        progress: told how far it is.

    Returns:
        The number of images by status: OK, or the reason of the failure.

    Raises:
        BatchError: nothing to read, the table cannot be written or is there already, or the server does not answer.
        OSError: journal or table cannot be written.
    """
    files = find_images([plan.folder])
    if not files:
        raise BatchError(f"{plan.folder} holds no images")
    if plan.out.exists() and not plan.journal.exists():
        raise BatchError(f"{plan.out} is there already; remove it or choose another name")
    heading = JournalHeading(str(plan.folder.resolve()), plan.require)
    try:
        check_table(plan.out)
        with Journal.open(plan.journal, heading) as journal:
            run = _Run(plan, journal, files, progress)
            await run.read_all(client)
            run.write_table()
            plan.journal.unlink()
            return run.counts
    except TableError as error:
        raise BatchError(str(error)) from None
    except JournalError as error:
        raise BatchError(f"{plan.journal}: {error}") from None


class _Run:
    """One run of a batch.

    Attributes:
        counts: number of images by status, once the table is written.
    """

    def __init__(self, plan: BatchPlan, journal: Journal, files: list[Path], progress: BatchProgress) -> None:
        self.counts: Counter[str] = Counter()
        self._plan = plan
        self._journal = journal
        self._sources = {SourceFile.of(path, plan.folder): path for path in files}
        self._progress = progress
        self._done_count = sum(source in journal for source in self._sources)
        progress(self._done_count, len(self._sources))

    async def read_all(self, client: AsyncKtpOcrClient) -> None:
        """Read what the journal does not hold."""
        waiting = {str(number): source for number, source in enumerate(self._sources) if source not in self._journal}
        answers = client.recognize_many(self._load(waiting), in_flight_count=self._plan.in_flight_count)
        try:
            async with contextlib.aclosing(answers):
                async for answer in answers:
                    if answer.error is not None and answer.error.reason in STOPPING_REASONS:
                        raise answer.error
                    source = waiting[answer.request_id]
                    self._note(source, FileOutcome(self._sources[source], answer.result, answer.error))
        except CallError as error:
            raise BatchError(
                f"{error.message}: {self._done_count} of {len(self._sources)} images are done; "
                "the same command goes on with the others"
            ) from error

    def write_table(self) -> None:
        """Write the answers in the order of the files' names."""
        write_table(self._plan.out, self._rows())

    def _rows(self) -> Iterator[dict[str, JsonValue]]:
        for source in self._sources:
            row = self._journal.row(source)
            self.counts[str(row["status"])] += 1
            yield row

    async def _load(self, waiting: Mapping[str, SourceFile]) -> AsyncIterator[CardImage]:
        """Give the images; those that need no server to fail are noted at once."""
        for request_id, source in waiting.items():
            path = self._sources[source]
            try:
                data = await asyncio.to_thread(path.read_bytes)
            except OSError as error:
                self._note(source, FileOutcome(path, error=unreadable_file(error)))
                continue
            if len(data) > MAX_MESSAGE_BYTES - ENVELOPE_BYTES:
                message = "the file is larger than a message to a server may be"
                self._note(source, FileOutcome(path, error=RecognitionError(ErrorReason.IMAGE_TOO_LARGE, message)))
                continue
            yield CardImage(request_id, data, self._plan.require)

    def _note(self, source: SourceFile, outcome: FileOutcome) -> None:
        # Names that are no Unicode, which Linux allows, could be written to no table.
        name = os.fsencode(source.name).decode(errors="replace")
        self._journal.append(source, {**outcome_to_json(outcome), "file": name})
        self._done_count += 1
        self._progress(self._done_count, len(self._sources))
