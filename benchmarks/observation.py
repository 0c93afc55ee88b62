"""Measures what watching the server costs: metrics, the access line and traces of one card, beside reading it.

`make observation`. What one card tells when it is really read is told to the observers many times over; CPU time is
compared, so that what else the machine does hardly changes it.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ktp_benchmarks.provenance import RESULTS, describe_run, result_file
from ktp_benchmarks.report import open_console
from ktp_server.assembly import open_pipeline
from ktp_server.demonstration import bundled_specimen
from ktp_server.observability.access_log import AccessLog
from ktp_server.observability.logs import JsonFormatter
from ktp_server.observability.metrics import Metrics
from ktp_server.observability.observer import Observer, SilentObserver
from ktp_server.observability.record import CardFacts, RequestRecord, follow_request
from ktp_server.observability.tracing import trace_to
from ktp_server.settings import Settings

SHARE_MAX = 0.01
"""Target: metrics and logs together cost less than this share of a card's CPU time."""

Event = Callable[[Observer], None]


class Recorder(SilentObserver):
    """Keeps what one card tells, to tell it again."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def request_finished(self, record: RequestRecord) -> None:
        """See `Observer`."""
        self.events.append(lambda observer: observer.request_finished(record))

    def queue_changed(self, queue: str, waiting_count: int) -> None:
        """See `Observer`."""
        self.events.append(lambda observer: observer.queue_changed(queue, waiting_count))

    def queue_left(self, queue: str, waited_s: float) -> None:
        """See `Observer`."""
        self.events.append(lambda observer: observer.queue_left(queue, waited_s))

    def batch_executed(self, model: str, item_count: int, duration_s: float) -> None:
        """See `Observer`."""
        self.events.append(lambda observer: observer.batch_executed(model, item_count, duration_s))


class Discard(SpanExporter):
    """Does what the real exporter does, up to the network."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode the spans, as the real exporter does, and drop them."""
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


@dataclass(frozen=True, slots=True)
class CardCost:
    """CPU milliseconds of reading one card, and what its reading tells."""

    cpu_ms: float
    events: list[Event]


async def read_card(repeat: int) -> CardCost:
    """Read the bundled specimen, one image at a time on one thread of each kind."""
    data = await asyncio.to_thread(bundled_specimen().read_bytes)
    recorder = Recorder()
    settings = Settings(cpu_worker_count=1, engine_worker_count=1, engine_thread_count=1)
    async with open_pipeline(settings, observer=recorder) as pipeline:
        await pipeline.recognize(data)
        recorder.events.clear()
        with follow_request(recorder, RequestRecord("RecognizeCard", "ipv4:10.1.2.3:50123", "1" * 32)) as record:
            record.card = CardFacts.of(await pipeline.recognize(data))
        events = list(recorder.events)
        start_s = time.process_time()
        for _ in range(repeat):
            await pipeline.recognize(data)
        return CardCost((time.process_time() - start_s) / repeat * 1e3, events)


def measure(observer: Observer, events: list[Event], count: int) -> float:
    """Give the CPU milliseconds that an observer takes for one card."""
    start_s = time.process_time()
    for _ in range(count):
        observer.in_flight_changed(1)
        for event in events:
            event(observer)
        observer.in_flight_changed(0)
    return (time.process_time() - start_s) / count * 1e3


def main(
    count: Annotated[int, typer.Option(help="Cards told to each observer.", min=1)] = 5000,
    repeat: Annotated[int, typer.Option(help="Cards really read.", min=1)] = 20,
    results: Annotated[Path, typer.Option(help="Folder for the dated JSON result.")] = RESULTS,
) -> None:
    """Measure metrics, JSON log lines and traces in CPU time for each card."""
    card = asyncio.run(read_card(repeat))
    with ExitStack() as stack:
        log = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        handler = logging.StreamHandler(log)
        handler.setFormatter(JsonFormatter())
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
        costs_ms = {
            "metrics": measure(Metrics(), card.events, count),
            "access line": measure(AccessLog(), card.events, count),
            "traces": measure(stack.enter_context(trace_to(Discard(), 1.0)), card.events, count),
        }
    share = (costs_ms["metrics"] + costs_ms["access line"]) / card.cpu_ms
    console = open_console()
    console.print(f"a card takes {card.cpu_ms:.1f} ms of CPU")
    for name, cost_ms in costs_ms.items():
        console.print(f"{name}: {cost_ms:.3f} ms, {cost_ms / card.cpu_ms:.2%}")
    console.print(
        f"metrics and access line: {share:.2%}, target < {SHARE_MAX:.0%}: {'met' if share < SHARE_MAX else 'MISSED'}"
    )
    record = describe_run() | {"card_cpu_ms": card.cpu_ms, "costs_ms": costs_ms, "share": share}
    path = result_file(results, "observation")
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    console.print(f"result: {path}", markup=False)


if __name__ == "__main__":
    typer.run(main)
