"""The page, used in a real browser against the real server."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from ktp_benchmarks.server_process import ServerProcess
from ktp_specimen.strata import Stratum
from tests.browser import PageBrowser, accessibility_violations, open_browser, stored_by_page
from tests.end_to_end.conftest import SpecimenSet, run_command, start_process

PHONE_PX = (360, 740)
ORIENTATION_TAG = 0x0112
TURNED_ANTICLOCKWISE = 6  # the viewer has to turn the picture clockwise

TRANSFER = """
    const bytes = Uint8Array.from(atob(arguments[0]), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "card.jpg", {type: "image/jpeg"}));
    document.body.dispatchEvent(arguments[1] === "drop"
        ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
        : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true}))"""
"""What the browser does when somebody drops or pastes a file."""

HIDDEN_TABLE_PX = """
    const table = document.querySelector(".scroll");
    if (!table) return 0;
    table.closest("details").open = true;
    return table.scrollWidth - table.clientWidth"""
"""How much of a table's width is out of sight."""


@pytest.fixture(scope="module")
def browser(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageBrowser]:
    profile = tmp_path_factory.mktemp("chromium")
    with open_browser(f"http://127.0.0.1:{server.http_port}/", profile) as browser:
        yield browser


def value_of(browser: PageBrowser, field: str) -> str:
    return browser.text(f".field[data-field={field}] .value")


def test_an_upload_becomes_fields_and_boxes(browser: PageBrowser, specimens: SpecimenSet) -> None:
    truth = specimens.truths[Stratum.CLEAN][0].cards[0]
    browser.open()
    browser.complaints()
    assert browser.send(specimens.path(Stratum.CLEAN)) == "done"
    values = {name: value_of(browser, name) for name in ("nik", "nama", "tanggal_lahir", "kecamatan")}
    assert values == {name: truth.fields[name] for name in values}
    with_place = browser.count(".field .locate:not(:disabled)")
    assert with_place > 12
    assert browser.count("#overlay .fields > g") == with_place
    assert browser.count("#overlay .outline polygon") == 2
    assert browser.count("#quality .check") == 9
    assert browser.count("#requirements tbody tr") == 10
    assert browser.count("#timings .legend li") > 5
    assert "NIK_SERIAL_UNISSUED" in browser.text("#findings")
    assert browser.text("#status").startswith(f"{browser.count('.field')} fields read")
    assert browser.complaints() == []
    assert stored_by_page(browser) == "[[], {}, {}, 0, 0]"


def test_boxes_lie_where_the_text_is_also_in_a_turned_photo(
    browser: PageBrowser, specimens: SpecimenSet, tmp_path: Path
) -> None:
    with Image.open(specimens.path(Stratum.CLEAN)) as photo:
        turned = photo.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = TURNED_ANTICLOCKWISE
        turned.save(tmp_path / "turned.jpg", quality=92, exif=exif)
        size_px = list(photo.size)
    browser.open()
    assert browser.send(tmp_path / "turned.jpg") == "done"
    photo_px = "const photo = document.getElementById('photo'); return [photo.naturalWidth, photo.naturalHeight]"
    assert browser.run(photo_px) == size_px
    assert browser.run("return document.getElementById('overlay').getAttribute('viewBox')") == (
        f"-0.5 -0.5 {size_px[0]} {size_px[1]}"
    )
    quad = specimens.truths[Stratum.CLEAN][0].cards[0].quad
    points = browser.one("#overlay .outline .edge").get_attribute("points") or ""
    drawn = [tuple(map(float, point.split(","))) for point in points.split()]
    tolerance_px = 0.02 * size_px[0]
    for place, corner in zip(drawn, quad, strict=True):
        assert place == pytest.approx(tuple(corner), abs=tolerance_px)


def test_field_and_box_are_lit_together(browser: PageBrowser, specimens: SpecimenSet) -> None:
    browser.open()
    assert browser.send(specimens.path(Stratum.CLEAN)) == "done"
    browser.run("document.querySelector('.field[data-field=nik] .locate').focus()")
    assert browser.count("#overlay [data-field=nik].lit") == 1
    assert browser.count("#overlay .lit") == 1
    browser.one("#overlay [data-field=nama] .edge").click()
    assert browser.count(".field[data-field=nama].lit") == 1
    assert browser.one(".field[data-field=nama] .locate").get_attribute("aria-pressed") == "true"


def test_the_enlarged_field_is_in_view_below_a_tall_photo(
    browser: PageBrowser, specimens: SpecimenSet, tmp_path: Path
) -> None:
    with Image.open(specimens.path(Stratum.CLEAN)) as photo:
        tall = photo if photo.height > photo.width else photo.transpose(Image.Transpose.ROTATE_90)
        tall.save(tmp_path / "tall.jpg", quality=92)
    browser.open()
    assert browser.send(tmp_path / "tall.jpg") == "done"
    browser.run("scrollTo(0, 0)")
    below_px = "return document.querySelector('.lens').getBoundingClientRect().bottom - innerHeight"
    assert float(str(browser.run(below_px))) <= 0


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_photo_is_dropped_or_pasted(browser: PageBrowser, specimens: SpecimenSet, how: str) -> None:
    browser.open()
    photo = base64.b64encode(specimens.path(Stratum.CLEAN).read_bytes()).decode()
    browser.run(TRANSFER, photo, how)
    assert browser.wait_for_outcome() == "done"
    assert value_of(browser, "nik") == specimens.truths[Stratum.CLEAN][0].cards[0].fields["nik"]


def test_a_photo_is_taken_with_the_camera(server: ServerProcess, specimens: SpecimenSet, tmp_path: Path) -> None:
    film = tmp_path / "film.mjpeg"
    film.write_bytes(specimens.path(Stratum.CLEAN).read_bytes())
    camera = (
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
        f"--use-file-for-fake-video-capture={film}",
    )
    with open_browser(f"http://127.0.0.1:{server.http_port}/", tmp_path / "profile", *camera) as browser:
        browser.open()
        browser.one("#shoot").click()
        browser.wait_for("return !document.getElementById('shutter').disabled")
        assert accessibility_violations(browser) == []
        browser.one("#shutter").click()
        assert browser.wait_for_outcome() == "done"
        assert value_of(browser, "nik") == specimens.truths[Stratum.CLEAN][0].cards[0].fields["nik"]
        assert browser.run("return document.getElementById('viewfinder').srcObject") is None


def test_a_photo_without_a_card_is_told_in_plain_words(browser: PageBrowser, specimens: SpecimenSet) -> None:
    browser.open()
    browser.complaints()
    assert browser.send(specimens.path(Stratum.EMPTY)) == "failed"
    failure = browser.text("#failure")
    assert "No identity card was found" in failure
    assert "CARD_NOT_FOUND" in failure
    assert browser.one("#photo").is_displayed()
    assert [line for line in browser.complaints() if "status of 422" not in line] == []  # the browser names the status
    assert browser.send(specimens.path(Stratum.CLEAN)) == "done"
    assert not browser.one("#failure").is_displayed()


def test_a_file_that_is_no_photo(browser: PageBrowser, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no photo")
    browser.open()
    assert browser.send(tmp_path / "notes.txt") == "failed"
    assert "IMAGE_FORMAT_UNSUPPORTED" in browser.text("#failure")
    assert not browser.one("#photo").is_displayed()


def test_a_photo_over_the_limits_is_scaled_down_and_said_so(
    browser: PageBrowser, specimens: SpecimenSet, tmp_path: Path
) -> None:
    with Image.open(specimens.path(Stratum.CLEAN)) as photo:
        scale = 4500 / max(photo.size)
        large = photo.resize((round(photo.width * scale), round(photo.height * scale)))
        buffer = io.BytesIO()
        large.save(buffer, "JPEG", quality=95)
    (tmp_path / "large.jpg").write_bytes(buffer.getvalue())
    browser.open()
    assert browser.send(tmp_path / "large.jpg") == "done"
    assert f"from {large.width} × {large.height}" in browser.text("#prepared")
    assert value_of(browser, "nik") == specimens.truths[Stratum.CLEAN][0].cards[0].fields["nik"]


def test_everything_is_done_with_the_keyboard(browser: PageBrowser, specimens: SpecimenSet) -> None:
    browser.open()
    assert browser.press(Keys.TAB).get_attribute("class") == "skip"
    browser.tab_to("#file").send_keys(str(specimens.path(Stratum.CLEAN)))
    assert browser.wait_for_outcome() == "done"
    browser.tab_to(".field[data-field=nama] .locate")
    assert browser.count("#overlay [data-field=nama].lit") == 1
    assert browser.press(Keys.ENTER).get_attribute("aria-pressed") == "true"
    assert browser.press(Keys.SPACE).get_attribute("aria-pressed") == "false"
    browser.tab_to("#document summary")
    browser.press(Keys.ENTER)
    assert browser.run("return document.getElementById('document').open") is True


@pytest.mark.parametrize("stratum", [Stratum.PHONE, Stratum.EMPTY])
def test_a_phone_scrolls_only_downwards_and_all_is_accessible(
    browser: PageBrowser, specimens: SpecimenSet, stratum: Stratum
) -> None:
    overflow = "return document.documentElement.scrollWidth - innerWidth"
    browser.open(*PHONE_PX)
    assert browser.run(overflow) == 0
    assert accessibility_violations(browser) == []
    browser.send(specimens.path(stratum))
    assert browser.run(overflow) == 0
    assert browser.run(HIDDEN_TABLE_PX) == 0
    for scheme in ("light", "dark"):
        browser.prefer_scheme(scheme)
        assert accessibility_violations(browser) == [], scheme


def test_a_key_is_asked_for_and_not_kept(specimens: SpecimenSet, tmp_path: Path) -> None:
    keys = str(tmp_path / "keys.txt")
    key = run_command("keys", "add", "teller", "--file", keys).stdout.strip()
    server = start_process("--api-keys", keys)
    with open_browser(f"http://127.0.0.1:{server.http_port}/", tmp_path / "profile") as browser:
        browser.open()
        assert browser.send(specimens.path(Stratum.CLEAN)) == "failed"
        assert "asks for an API key" in browser.text("#failure")
        assert browser.driver.switch_to.active_element == browser.one("#key")
        browser.one("#key").send_keys(key + Keys.ENTER)
        browser.wait_for("return document.body.dataset.state === 'done'")
        assert value_of(browser, "nik") == specimens.truths[Stratum.CLEAN][0].cards[0].fields["nik"]
        assert stored_by_page(browser) == "[[], {}, {}, 0, 0]"
        browser.open()
        assert browser.run("return document.getElementById('key').value") == ""
    assert server.stop() == 0
