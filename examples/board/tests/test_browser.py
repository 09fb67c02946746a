"""The whole application, as a person with a browser meets it.

A real server runs in a process of its own; a headless Chromium is driven over the
WebDriver protocol (W3C), which needs nothing but HTTP and JSON.
"""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

EXAMPLE = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")
PATIENCE = 20.0
"""Seconds to wait for what normally takes a fraction of one."""

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name under which WebDriver wraps the reference of an element."""

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PROGRESS = "return document.querySelector('progress')?.value ?? 0"

# WCAG 2.2, 2.5.5, which leaves links in running text out. The title of a post in a list
# stretches over its card.
SMALL_TARGETS = """
const targets = document.querySelectorAll(
  "a:not(.body a, .skip-link, .post h2 a), button, summary, textarea, input:not([type=hidden])"
);
const isSmall = (target) => {
  const { width, height } = target.getBoundingClientRect();
  return target.checkVisibility() && Math.min(width, height) < 44;
};
return [...targets].filter(isSmall).map(
  (target) => `${location.pathname}: ${target.innerText || target.name}`
);
"""

T = TypeVar("T")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        CHROMIUM is None or CHROMEDRIVER is None,
        reason="there is no Chromium; install the packages chromium, chromium-driver",
    ),
]


def test_a_person_signs_up_posts_uploads_exports_and_logs_out(
    browser: Browser, address: str, downloads: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "Notizen für Zoë – заметки.txt"
    notes.write_text("Bring chairs.\n")
    picture = EXAMPLE / "tests" / "lawn.png"

    # Sign up, which logs in.
    browser.open(address)
    assert "The board is empty" in browser.text()
    browser.follow("Sign up")
    browser.fill("name", "ada")
    browser.fill("password", "short")
    browser.press("Create account")
    assert browser.path() == "/signup"
    browser.fill("password", "correct horse")
    browser.press("Create account")
    browser.wait_for_text("Welcome, ada.")

    # Log out, and in again.
    browser.press("Log out")
    browser.wait_for_text("You are logged out.")
    browser.follow("Log in")
    browser.fill("name", "ada")
    browser.fill("password", "correct horse")
    browser.press("Log in")
    browser.wait_for_text("You are logged in.")

    # Post with an attachment, then add a picture.
    browser.follow("New post")
    browser.fill("title", "Summer party")
    browser.fill("body", "On the lawn <behind> the house.")
    browser.fill("files", str(notes))
    browser.press("Post")
    browser.wait_for_text("Your post is on the board.")
    assert browser.path() == "/posts/1"
    assert "On the lawn <behind> the house." in browser.text()
    browser.fill("files", str(picture))
    browser.press("Upload")
    browser.wait_for_text("Attached.")
    wait_until(
        lambda: browser.run(
            "return document.querySelector('.picture img').naturalWidth"
        )
    )

    # Comment.
    browser.fill("comment", "I bring a cake.")
    browser.press("Comment")
    browser.wait_for_text("Comments 1")
    assert "I bring a cake." in browser.text()

    # Download and export.
    browser.follow(notes.name)
    assert downloaded(downloads / notes.name) == "Bring chairs.\n"
    browser.follow("Export as CSV")
    header, row = csv.reader(downloaded(downloads / "posts.csv").splitlines())
    assert dict(zip(header, row, strict=True))["title"] == "Summer party"

    # An error page, then the way back and out.
    browser.open(f"{address}/posts/99")
    browser.wait_for_text("Nothing is pinned here")
    browser.follow("Back to the board")
    browser.wait_for_text("Summer party")
    browser.press("Log out")
    browser.wait_for_text("You are logged out.")
    assert "New post" not in browser.text()


def test_an_upload_shows_how_far_it_is(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    sign_up(browser, address)
    write_post(browser, address)
    browser.limit_upload(bytes_per_second=200_000)

    browser.fill("files", str(file_of(tmp_path, 600 * 1024)))
    browser.press("Upload")

    wait_until(lambda: 0 < browser.run(PROGRESS) < 1, lambda: "a part of the upload")
    assert "Uploading …" in browser.text()
    browser.wait_for_text("Attached.")
    assert browser.run("return location.pathname + location.hash") == (
        "/posts/1#attachments"
    )
    assert "600 KiB" in browser.text()


def test_an_upload_with_remarks_can_be_sent_again(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    sign_up(browser, address)
    browser.open(f"{address}/posts/new")
    browser.fill("title", "Summer party")
    browser.fill("body", "On the lawn.")

    browser.fill("files", "\n".join(str(file_of(tmp_path, n)) for n in range(1, 12)))
    browser.press("Post")
    browser.wait_for_text("Attach at most 10 files.")
    browser.fill("files", str(file_of(tmp_path, 1000)))
    browser.press("Post")

    browser.wait_for_text("Your post is on the board.")
    assert browser.path() == "/posts/1"
    assert "1000 bytes" in browser.text()


def test_an_upload_needs_no_script(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    browser.block("*/upload.js")
    sign_up(browser, address)

    write_post(browser, address, file_of(tmp_path, 1000))
    browser.fill("files", str(file_of(tmp_path, 3000)))
    browser.press("Upload")
    browser.wait_for_text("Attached.")

    assert browser.run("return typeof upload") == "undefined"
    assert "1000 bytes" in browser.text()
    assert "2.9 KiB" in browser.text()


def test_an_upload_that_is_too_large_is_not_begun(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    sign_up(browser, address)
    write_post(browser, address)

    browser.fill("files", str(file_of(tmp_path, 17 * 2**20)))
    browser.press("Upload")

    browser.wait_for_text("Files and text together may take up to 16 MiB.")
    assert browser.path() == "/posts/1"
    assert browser.run("return document.querySelector('progress').hidden")


def test_an_upload_that_the_board_refuses_shows_its_page(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    sign_up(browser, address)
    browser.open(f"{address}/posts/new")
    browser.run("document.querySelector('form[data-limit]').dataset.limit = Infinity")

    browser.fill("title", "Large")
    browser.fill("body", "Too large.")
    browser.fill("files", str(file_of(tmp_path, 17 * 2**20)))
    browser.press("Post")

    browser.wait_for_text("That is too large")
    browser.press("Log out")
    browser.wait_for_text("You are logged out.")


def test_what_is_pressed_is_large_enough_for_a_thumb(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    browser.resize(375, 800)
    sign_up(browser, address)
    write_post(browser, address, file_of(tmp_path, 1000))
    browser.fill("comment", "I bring a cake.")
    browser.press("Comment")
    browser.wait_for_text("Comments 1")
    small = browser.run(SMALL_TARGETS)

    for path in ("/", "/?q=nothing", "/posts/new", "/account", "/missing"):
        browser.open(address + path)
        small += browser.run(SMALL_TARGETS)

    browser.press("Log out")
    browser.wait_for_text("You are logged out.")

    for path in ("/posts/1", "/signup", "/login"):
        browser.open(address + path)
        small += browser.run(SMALL_TARGETS)

    assert small == []


@pytest.mark.parametrize("width", [360, 1200])
def test_pages_fit_the_width_of_the_window(
    browser: Browser, address: str, width: int
) -> None:
    browser.resize(width, 800)

    for path in ("/", "/signup", "/login", "/missing"):
        browser.open(address + path)
        overflow = browser.run(
            "return document.documentElement.scrollWidth - window.innerWidth"
        )
        assert overflow <= 0, path


def sign_up(browser: Browser, address: str) -> None:
    """Make an account, which logs in."""
    browser.open(f"{address}/signup")
    browser.fill("name", "ada")
    browser.fill("password", "correct horse")
    browser.press("Create account")
    browser.wait_for_text("Welcome, ada.")


def write_post(browser: Browser, address: str, file: Path | None = None) -> None:
    """Post something and stay on its page."""
    browser.open(f"{address}/posts/new")
    browser.fill("title", "Summer party")
    browser.fill("body", "On the lawn.")
    if file is not None:
        browser.fill("files", str(file))
    browser.press("Post")
    browser.wait_for_text("Your post is on the board.")


def file_of(folder: Path, size: int) -> Path:
    """Make a file of so many bytes."""
    path = folder / f"{size}.bin"
    path.write_bytes(bytes(size))
    return path


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """The folder in which the browser saves what it downloads."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


@pytest.fixture
def browser(
    start: Callable[..., str], tmp_path: Path, downloads: Path
) -> Iterator[Browser]:
    """A headless Chromium with an empty profile."""
    options = {
        "binary": CHROMIUM,
        "args": [*ARGUMENTS, f"--user-data-dir={tmp_path / 'profile'}"],
        "prefs": {"download.default_directory": str(downloads)},
    }
    capabilities = {"goog:chromeOptions": options, "timeouts": {"implicit": 10_000}}
    port = start([CHROMEDRIVER, "--port=0"], r"started successfully on port (\d+)")
    browser = Browser(f"http://127.0.0.1:{port}", {"alwaysMatch": capabilities})

    yield browser

    browser.close()


class Browser:
    """A browser behind a WebDriver session."""

    def __init__(self, driver: str, capabilities: dict[str, Any]) -> None:
        self._opener = build_opener(ProxyHandler({}))
        self._session = driver
        created = self._send("POST", "/session", {"capabilities": capabilities})
        self._session = f"{driver}/session/{created['sessionId']}"

    def close(self) -> None:
        """End the session, and the browser with it."""
        self._send("DELETE", "")

    def open(self, address: str) -> None:
        """Load a page and wait until it is complete."""
        self._send("POST", "/url", {"url": address})

    def path(self) -> str:
        """Return the path of the page's address."""
        return str(self.run("return location.pathname"))

    def text(self) -> str:
        """Return the text that the page shows."""
        return str(self.run("return document.body.innerText"))

    def run(self, script: str, *arguments: object) -> Any:
        """Run JavaScript in the page and return its value."""
        body = {"script": script, "args": arguments}
        return self._send("POST", "/execute/sync", body)

    def resize(self, width: int, height: int) -> None:
        """Give the page a size, in CSS pixels, however large the window is."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def limit_upload(self, bytes_per_second: int) -> None:
        """Send what pages upload no faster than this."""
        self._command("Network.enable")
        self._command(
            "Network.emulateNetworkConditions",
            offline=False,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=bytes_per_second,
        )

    def block(self, pattern: str) -> None:
        """Let pages load nothing whose address has this form."""
        self._command("Network.enable")
        self._command("Network.setBlockedURLs", urls=[pattern])

    def wait_for_text(self, text: str) -> None:
        """Wait until the page shows ``text``."""
        wait_until(lambda: text in self.text(), lambda: f"{text!r} in {self.text()!r}")

    def fill(self, identifier: str, text: str) -> None:
        """Type into the field with this id; a file field takes a path."""
        element = self._find("css selector", f"#{identifier}")
        if self.run("return arguments[0].type", {ELEMENT: element}) != "file":
            self._send("POST", f"/element/{element}/clear", {})
        self._send("POST", f"/element/{element}/value", {"text": text})

    def follow(self, text: str) -> None:
        """Click the link with this text."""
        self._click(self._find("link text", text))

    def press(self, text: str) -> None:
        """Click the button with this text."""
        self._click(self._find("xpath", f"//button[normalize-space()={text!r}]"))

    def _command(self, name: str, **parameters: object) -> None:
        # What WebDriver does not know: a command of Chromium's DevTools protocol.
        body = {"cmd": name, "params": parameters}
        self._send("POST", "/goog/cdp/execute", body)

    def _click(self, element: str) -> None:
        self._send("POST", f"/element/{element}/click", {})

    def _find(self, using: str, value: str) -> str:
        # The session's implicit wait makes this look until its deadline.
        found = self._send("POST", "/element", {"using": using, "value": value})
        return str(found[ELEMENT])

    def _send(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._session + path, data, method=method)
        request.add_header("Content-Type", "application/json")

        try:
            with self._opener.open(request, timeout=60) as response:
                return json.load(response)["value"]
        except HTTPError as e:
            value = json.load(e)["value"]
            raise AssertionError(f"{value['error']}: {value['message']}") from None


def downloaded(path: Path) -> str:
    """Return the text of a download, once it is whole."""
    # Chromium reserves the name with an empty file and moves the whole one there.
    wait_until(
        lambda: path.exists() and path.stat().st_size > 0,
        lambda: f"a download {path}",
    )
    return path.read_text("utf-8")


def wait_until(
    is_done: Callable[[], T], name: Callable[[], str] = lambda: "a condition"
) -> T:
    """Ask again and again until the answer is true; fail at the deadline."""
    deadline = time.monotonic() + PATIENCE

    while not (answer := is_done()):
        if time.monotonic() > deadline:
            pytest.fail(f"Waited {PATIENCE} s in vain for {name()}.")

    return answer
