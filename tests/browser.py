"""A real browser without a window, on the gateway's page."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

ANSWER_TIMEOUT_S = 60.0
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
)


@dataclass(frozen=True)
class PageBrowser:
    """A browser that shows the page.

    Attributes:
        driver: the browser.
        url: where the page is.
    """

    driver: webdriver.Chrome
    url: str

    def open(self, width_px: int = 1280, height_px: int = 900) -> None:
        """Load the page anew at a size."""
        size = {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": width_px < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(self.url)
        self.wait_for(
            "return document.readyState === 'complete' && document.getElementById('limits').textContent !== ''"
        )

    def prefer_scheme(self, scheme: str) -> None:
        """Show the page as to somebody who prefers `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def send(self, photo: Path) -> str:
        """Choose a photo; gives the state that the page comes to, `done` or `failed`."""
        self.one("#file").send_keys(str(photo))
        return self.wait_for_outcome()

    def wait_for_outcome(self) -> str:
        """Wait until the photo has been answered."""
        self.wait_for("return ['done', 'failed'].includes(document.body.dataset.state)")
        return str(self.run("return document.body.dataset.state"))

    def wait_for(self, script: str) -> None:
        """Wait until a script's value is true."""
        WebDriverWait(self.driver, ANSWER_TIMEOUT_S, poll_frequency=0.05).until(lambda _: self.run(script))

    def run(self, script: str, *arguments: object) -> object:
        """Run a script in the page and give its value."""
        result: object = self.driver.execute_script(script, *arguments)
        return result

    def one(self, selector: str) -> WebElement:
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def count(self, selector: str) -> int:
        """How many elements a CSS selector finds."""
        return len(self.driver.find_elements("css selector", selector))

    def text(self, selector: str) -> str:
        """The text of an element, whether it is in view or not."""
        return str(self.one(selector).get_property("textContent")).strip()

    def press(self, key: str) -> WebElement:
        """Press a key and give the element that has the focus then."""
        webdriver.ActionChains(self.driver).send_keys(key).perform()
        return self.driver.switch_to.active_element

    def tab_to(self, selector: str) -> WebElement:
        """Press Tab until an element has the focus."""
        wanted = self.one(selector)
        for _ in range(80):
            if self.press(Keys.TAB) == wanted:
                return wanted
        raise AssertionError(f"{selector} is out of the keyboard's reach")

    def complaints(self) -> list[str]:
        """What the browser has complained about since it was last asked: scripts, security policy, network."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]  # Selenium's


@contextmanager
def open_browser(url: str, profile: Path, *arguments: str) -> Iterator[PageBrowser]:
    """Start Chromium with an empty profile.

    Args:
        url: of the page.
        profile: an empty folder.
        arguments: of Chromium, beside what makes it quiet.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    try:
        yield PageBrowser(driver, url)
    finally:
        driver.quit()


def stored_by_page(browser: PageBrowser) -> str:
    """Everything that the page has put where it would outlive it, as JSON; `[[], {}, {}, 0, 0]` is nothing."""
    script = """
        const done = arguments[0];
        (async () => done(JSON.stringify([
            await cookieStore.getAll(), {...localStorage}, {...sessionStorage},
            (await indexedDB.databases()).length, (await navigator.serviceWorker.getRegistrations()).length,
        ])))()"""
    return json.dumps(json.loads(browser.driver.execute_async_script(script)))


def accessibility_violations(browser: PageBrowser) -> list[str]:
    """What axe-core finds wrong with the page as it is shown now: rules, with the elements that break them."""
    browser.run(files("axe_core_python").joinpath("axe.min.js").read_text("utf-8"))
    script = """
        const done = arguments[0];
        axe.run().then(({violations}) => done(violations.map(
            ({id, nodes}) => `${id}: ${nodes.map(({target}) => target.join(" ")).join(", ")}`)))"""
    return [str(violation) for violation in browser.driver.execute_async_script(script)]
