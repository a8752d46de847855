"""The page in a real browser: it shows, and nothing on it runs."""

import html
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from whatchanged.report import render_html

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
def browser(tmp_path: Path):
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        assert not os.environ.get("CI"), "CI must have a browser: install chromium"
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH")

    def run(page: str, *flags: str) -> str:
        file = tmp_path / "report.html"
        file.write_text(page, encoding="utf-8")
        command = [found, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, file.as_uri()]
        return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()

    return run


def test_the_page_is_shown_and_no_payload_runs(browser, report, poison, hostile: str) -> None:
    for page in (render_html(report), render_html(poison(report, hostile))):
        dom = browser(page, "--dump-dom")
        assert "<title>changed: " in dom
        assert "<title>owned" not in dom
        assert dom.count('<circle class="k') == 200
        assert "<script" not in dom
        assert "<img" not in dom


def test_the_policy_holds_even_if_a_tag_slipped_through(browser, report) -> None:
    payload = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    page = render_html(report).replace("</body>", payload + "</body>")
    assert "<title>changed: " in browser(page, "--dump-dom")
    bare = page.replace("default-src 'none'", "default-src 'unsafe-inline'")
    assert "<title>owned" in browser(bare, "--dump-dom")  # the payload does run where it may


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_window(browser, report, poison, width: int) -> None:
    # Headless windows are at least 500 wide, so a frame plays the phone; the outer page measures it.
    measure = "document.title = this.contentDocument.documentElement.scrollWidth"
    for text in (None, "x" * 3000):
        page = render_html(report if text is None else poison(report, text)).replace("<details", "<details open")
        frame = f'<iframe style="border:0;width:{width}px;height:900px" onload="{measure}"'
        dom = browser(f'<title>none</title>{frame} srcdoc="{html.escape(page)}"></iframe>', "--dump-dom")
        assert f"<title>{width}</title>" in dom


def test_a_screenshot_is_a_picture_of_the_asked_size(browser, report, tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    browser(render_html(report), f"--screenshot={picture}", "--window-size=1280,1600")
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert struct.unpack(">II", head[16:24]) == (1280, 1600)
    assert picture.stat().st_size > 50_000
