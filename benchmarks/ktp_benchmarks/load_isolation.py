"""Many callers at once: is every answer its caller's own?"""

from collections.abc import Sequence

from ktp.ocr.v1 import card_pb2
from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp_benchmarks.checks import Check, at_most
from ktp_benchmarks.load_calls import connect_callers
from ktp_benchmarks.server_process import run_server_process

__all__ = ["measure_isolation"]

CALLER_COUNT = 64
IMAGE_COUNT = 50

Values = tuple[tuple[str, str, str], ...]


async def measure_isolation(images: Sequence[bytes], duration_s: float) -> list[Check]:
    """Have 64 callers send different cards at once, and hold every answer against that image's answer when it is alone.

    Args:
        images: image files; the first 50 are sent.
        duration_s: how long.
    """
    sent = images[:IMAGE_COUNT]
    with run_server_process("--max-in-flight-count", str(CALLER_COUNT)) as server:
        async with connect_callers(server.target, sent) as callers:
            alone = {number: await callers.call(number) for number in range(len(sent))}
            outcomes = await callers.call_for(duration_s, CALLER_COUNT)
    own = {number: _values(outcome.recognition) for number, outcome in alone.items()}
    foreign = changed = 0
    for outcome in outcomes:
        values = _values(outcome.recognition)
        if (outcome.code, values) == (alone[outcome.image].code, own[outcome.image]):
            continue
        changed += 1
        others = [number for number, theirs in own.items() if number != outcome.image and values and theirs == values]
        foreign += bool(others) or outcome.code == "FOREIGN_ID"
    return [
        Check("calls by 64 callers at a time", len(outcomes), ""),
        Check("different answers among the cards when alone", len(set(own.values())), ""),
        Check("answers of another card", foreign, "", at_most(0)),
        Check("answers other than when alone", changed, "", at_most(0)),
    ]


def _values(recognition: messages.CardRecognition | None) -> Values:
    """What was read, without what differs from call to call: timings and last digits of confidences."""
    if recognition is None:
        return ()
    fields = ((name.name, value) for name, value in recognition.card.ListFields())
    return tuple((name, field.value, field.raw_value) for name, field in fields if isinstance(field, card_pb2.Field))
