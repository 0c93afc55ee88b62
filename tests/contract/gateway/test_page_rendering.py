"""What the page makes of answers that real models seldom give."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from ktp_server.errors import ErrorReason, RecognitionError
from tests.browser import PageBrowser, open_browser
from tests.contract.gateway.conftest import SETTINGS, GatewayBench, open_bench
from tests.contract.scripted_reader import recognition_of

COMPARE = """
    const [before, after, done] = arguments;
    import("/page/difference.js").then(({compareTexts}) => done(compareTexts(before, after)))"""
CHANGES = (
    ("1SLAM", "ISLAM", "1", "I"),
    ("SAMA", "SAMA", "", ""),
    ("", "WNI", "", "WNI"),
    (": 06-12-2015", "06-12-2015", ": ", ""),
    ("KAB BOGOR", "KABUPATEN BOGOR", "", "UPATEN"),
    ("J𝄞K", "JAK", "𝄞", "A"),
)
"""Before, after, and what is marked in each."""

PATIENT = SETTINGS.model_copy(update={"http_read_timeout_s": 30.0})  # a browser opens connections before it uses them


@dataclass(frozen=True)
class PageBench:
    """A browser on a gateway whose reader answers as it is told, and a photo."""

    browser: PageBrowser
    bench: GatewayBench
    photo: Path

    async def send(self) -> str:
        """Send the photo; gives the state that the page comes to."""
        await asyncio.to_thread(self.browser.open)
        return await asyncio.to_thread(self.browser.send, self.photo)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[PageBench]:
    buffer = io.BytesIO()
    Image.new("RGB", (160, 120), (90, 130, 150)).save(buffer, "PNG")
    photo = tmp_path / "photo.png"
    photo.write_bytes(buffer.getvalue())
    async with open_bench(PATIENT) as bench:
        opening = open_browser(f"http://127.0.0.1:{bench.port}/", tmp_path / "profile")
        browser = await asyncio.to_thread(opening.__enter__)
        try:
            yield PageBench(browser, bench, photo)
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)


async def test_an_answer_with_everything_in_it(page: PageBench) -> None:
    markup = "<img src=x onerror=alert(1)>"
    page.bench.reader.results[page.photo.read_bytes()] = recognition_of(markup)
    assert await page.send() == "done"

    def look(browser: PageBrowser) -> None:
        assert browser.text("[data-field=nama] .value") == markup
        assert browser.count("[data-field=nama] img") == 0
        assert browser.text("[data-field=agama] .raw del") == "1"
        assert browser.text("[data-field=agama] .corrected ins") == "I"
        assert browser.text("[data-field=agama] .why") == "matched with a list"
        assert browser.text("[data-field=nik] .why") == "settled with another field"
        assert "read as “###”" in browser.text("[data-field=alamat] .unreadable")
        assert browser.text("[data-field=agama] .level") == "look again"
        assert browser.text("[data-field=alamat] .level") == "doubtful"
        assert "Provinsi" in browser.text("#fields > .hint")
        assert browser.text("#quality .failed .advice") == "Too dark: use more light"
        assert browser.text("#quality > .advice") == "Glare covers: Nama, Alamat."
        assert browser.text("#requirements summary") == "1 of 2 not met"
        assert browser.count("#overlay .glare > g") == 1
        assert browser.text("#timings .total") == "22 ms on the server"
        assert browser.complaints() == []

    await asyncio.to_thread(look, page.browser)


async def test_failures_say_what_to_do(page: PageBench) -> None:
    failures, browser = page.bench.reader.failures, page.browser
    photo = page.photo.read_bytes()
    failures[photo] = RecognitionError(ErrorReason.QUALITY_REJECTED, "sharpness: blurred; card_side: small")
    assert await page.send() == "failed"
    points = "return [...document.querySelectorAll('#failure .points li')].map(({textContent}) => textContent)"
    assert await asyncio.to_thread(browser.run, points) == ["sharpness: blurred", "card side: small"]
    assert await asyncio.to_thread(browser.count, "#failure button") == 0
    failures[photo] = RecognitionError(ErrorReason.OVERLOADED, "busy", retry_delay_s=2.0)
    assert await page.send() == "failed"
    assert "asks to wait 2 s" in await asyncio.to_thread(browser.text, "#failure")
    del failures[photo]
    page.bench.reader.results[photo] = recognition_of("BUDI")
    await asyncio.to_thread(lambda: browser.one("#failure button").click())
    await asyncio.to_thread(browser.wait_for, "return document.body.dataset.state === 'done'")
    assert await asyncio.to_thread(browser.text, "[data-field=nama] .value") == "BUDI"


async def test_only_what_was_changed_is_marked(page: PageBench) -> None:
    await asyncio.to_thread(page.browser.open)
    for before, after, *changed in CHANGES:
        pieces = await asyncio.to_thread(page.browser.driver.execute_async_script, COMPARE, before, after)
        joined = {
            (side, kept): "".join(piece["text"] for piece in pieces[side] if piece["kept"] is kept)
            for side in ("before", "after")
            for kept in (True, False)
        }
        assert [joined["before", False], joined["after", False]] == changed
        assert joined["before", True] == joined["after", True]
        assert ["".join(piece["text"] for piece in pieces[side]) for side in ("before", "after")] == [before, after]
