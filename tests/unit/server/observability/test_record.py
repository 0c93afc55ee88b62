"""A request's record: how it ends, what the rooms below add to it, what never gets into it."""

import asyncio
import time

import pytest

from ktp_server.errors import ErrorReason
from ktp_server.observability.observer import SilentObserver
from ktp_server.observability.record import (
    CardFacts,
    RequestRecord,
    StageSpan,
    current_record,
    follow_request,
    note_stages,
)
from tests.contract.scripted_reader import recognition_of


class Collector(SilentObserver):
    """Keeps the records of requests that ended."""

    def __init__(self) -> None:
        self.records: list[RequestRecord] = []

    def request_finished(self, record: RequestRecord) -> None:
        self.records.append(record)


def test_an_answered_request_is_ok_and_timed() -> None:
    observer = Collector()
    with follow_request(observer, RequestRecord("RecognizeCard")) as record:
        assert current_record() is record
        time.sleep(0.01)
    assert current_record() is None
    assert (record.code, record.reason) == ("OK", "OK")
    assert 0.01 <= record.duration_s < 60.0
    assert observer.records == [record]


def test_a_failure_has_the_code_of_its_reason() -> None:
    with follow_request(SilentObserver(), RequestRecord("RecognizeCard")) as record:
        record.fail(ErrorReason.CARD_NOT_FOUND)
    assert (record.code, record.reason) == ("FAILED_PRECONDITION", "CARD_NOT_FOUND")


@pytest.mark.parametrize(
    ("error", "code"), [(asyncio.CancelledError(), "CANCELLED"), (RuntimeError("who?"), "INTERNAL")]
)
def test_an_exception_that_nobody_named_is_not_ok(error: BaseException, code: str) -> None:
    observer = Collector()
    with pytest.raises(type(error)), follow_request(observer, RequestRecord("RecognizeCard")):
        raise error
    assert [(record.code, record.reason) for record in observer.records] == [(code, code)]


async def test_concurrent_requests_have_their_own_records() -> None:
    async def work(name: str) -> RequestRecord:
        with follow_request(SilentObserver(), RequestRecord(name)) as record:
            await asyncio.sleep(0)
            note_stages([StageSpan(name, 0.0, 1.0)])
            await asyncio.sleep(0)
        return record

    records = await asyncio.gather(*[work(str(number)) for number in range(20)])
    assert [[span.stage for span in record.stages] for record in records] == [[str(n)] for n in range(20)]


def test_stages_outside_a_server_go_nowhere() -> None:
    note_stages([StageSpan("decode", 0.0, 1.0)])
    assert current_record() is None


def test_card_facts_hold_names_and_numbers_only() -> None:
    facts = CardFacts.of(recognition_of("SITI AMINAH"))
    assert facts.confidences == {"nama": 0.97, "agama": 0.8, "rt": 0.99, "alamat": 0.1, "nik": 0.5}
    assert facts.scores["completeness"] == 0.75
    assert facts.failed_checks == ("file_size_min", "brightness", "completeness")
    assert facts.finding_codes == ("NIK_SERIAL_ZERO",)
    for value in ("SITI", "siti", "ISLAM", "1SLAM", "001/002", "###"):
        assert value not in repr(facts)


def test_moments_become_unix_time() -> None:
    record = RequestRecord("m", started_s=100.0, started_unix_ns=1_700_000_000_000_000_000)
    assert record.unix_ns(100.25) == 1_700_000_000_250_000_000
