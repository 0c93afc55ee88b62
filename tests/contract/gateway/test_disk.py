"""Images that come by HTTP stay in memory."""

import sys
import tempfile

from ktp_server.errors import ErrorReason, RecognitionError
from tests.contract.gateway.conftest import SETTINGS, open_bench
from tests.contract.gateway.test_apis import JOBS
from tests.contract.gateway.test_bounds import MIB, PATIENCE_S


async def test_uploads_never_touch_the_disk() -> None:
    opened: list[str] = []
    is_watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if is_watching and (event.startswith("tempfile.") or (event == "open" and _opens_for_writing(arguments))):
            opened.append(f"{event} {arguments[:1]}")

    roomy = {"image_max_bytes": 4 * MIB, "http_read_timeout_s": PATIENCE_S}
    async with open_bench(SETTINGS.model_copy(update=roomy)) as bench:
        bench.reader.failures[b"x" * 3 * MIB] = RecognitionError(ErrorReason.CARD_NOT_FOUND, "none")
        sys.addaudithook(watch)  # it cannot be taken away, only told to be silent
        with tempfile.TemporaryFile():
            pass
        assert opened, "the watch sees files"
        opened.clear()
        answer = await bench.http.post(JOBS, files={"image": b"x" * 3 * MIB})
        is_watching = False
        assert answer.status_code == 422
        assert opened == []


def _opens_for_writing(arguments: tuple[object, ...]) -> bool:
    mode = arguments[1] if len(arguments) > 1 else None
    return isinstance(mode, str) and bool(set(mode) & set("wax+"))
