"""The page in a browser, where one is installed: no errors, no requests, readable by all, and what its script does."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys

from helpers.comparisons import fabricate
from stillmotion.reports import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no Chromium with its driver is installed (Debian: chromium, chromium-driver)"
)
LABELS = ("<script>alert(1)</script>", "\"'$x^2$ &amp; / 🎉", "</script>", "long_" * 30)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
AXE = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = fabricate(tmp_path_factory.mktemp("page"), labels=LABELS, videos=32, filmed=24, seeds=2)
    return write_report(folder).as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        yield found
    finally:
        found.quit()


def show(browser: Chrome, page: str, *, width: int = 1280, scheme: str = "light", media: str = "screen") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get(page)


def run(browser: Chrome, script: str) -> Any:
    return browser.execute_script(f"const all = (s) => [...document.querySelectorAll(s)]; {script}")


def choose(browser: Chrome, selector: str, value: str) -> None:
    change = "const one = document.querySelector(arguments[0]); one.value = arguments[1];"
    browser.execute_script(f"{change} one.dispatchEvent(new Event('change'))", selector, value)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 640, 1280])
def test_it_can_be_read_by_all_without_an_error_or_a_request(
    browser: Chrome, page: str, width: int, scheme: str
) -> None:
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    show(browser, page, width=width, scheme=scheme)
    run(browser, "all('details').forEach((one) => one.open = true)")
    assert run(browser, "return document.documentElement.scrollWidth") <= width
    browser.execute_script(AXE)
    found = browser.execute_async_script("const done = arguments[0]; axe.run().then((told) => done(told.violations))")
    assert not [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert not browser.get_log("browser")
    events = [json.loads(row["message"])["message"] for row in browser.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert page in asked
    assert not [url for url in asked if url != page and not url.startswith("data:")]


def test_no_other_script_may_run(browser: Chrome, page: str) -> None:
    show(browser, page)
    run(browser, "const one = document.createElement('script'); one.text = 'window.ran = 1'; document.body.append(one)")
    told = run(browser, "return [window.ran, document.documentElement.className]")
    assert told == [None, "js"]
    browser.get_log("browser")


def test_a_model_is_hidden_in_every_plot(browser: Chrome, page: str) -> None:
    show(browser, page)
    lines = "return all('polyline[data-family=conv3d]').filter((one) => one.matches('.off')).length"
    assert run(browser, lines) == 0
    run(browser, "all('[data-toggle=conv3d]')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert run(browser, lines) == run(browser, "return all('polyline[data-family=conv3d]').length") > 24
    assert run(browser, "return all('[data-toggle=conv3d]').every((one) => one.ariaPressed === 'false')")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert run(browser, lines) == 0


def test_videos_are_picked_and_filtered_by_keyboard(browser: Chrome, page: str) -> None:
    show(browser, page)
    shown = "return all('article').filter((one) => one.checkVisibility()).map((one) => one.dataset.number)"
    assert run(browser, shown) == ["1"]
    run(browser, "all('.pick input')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert run(browser, shown) == ["2"]
    choose(browser, "[data-filter=label]", "</script>")
    left = run(browser, "return all('.pick label').filter((one) => !one.hidden).map((one) => one.dataset.label)")
    assert left
    assert set(left) == {"</script>"}
    assert run(browser, "return all('article.shown h3')[0].textContent") == "</script>"


def test_the_cursor_moves_picture_and_answers(browser: Chrome, page: str) -> None:
    show(browser, page)
    state = ("const one = all('article.shown')[0]; const get = (s) => one.querySelector(s); return ["
             "get('.frame').getAttribute('viewBox'), get('[data-value=conv3d]').textContent,"
             "get('.scrub').getAttribute('aria-valuetext'), get('.cursor').style.left]")  # fmt: skip
    before = run(browser, state)
    run(browser, "all('article.shown .scrub')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.END)
    after = run(browser, state)
    assert after[3] == "100%"
    assert all(one != two for one, two in zip(before, after, strict=True))
    assert after[1].startswith("at 2.0 s: ")


def test_a_clip_plays(browser: Chrome, page: str) -> None:
    show(browser, page)
    run(browser, "all('article.shown .scrub')[0].value = 1; all('article.shown .play')[0].click()")  # the second half
    ended = browser.execute_async_script(
        "const done = arguments[0]; const one = document.querySelector('article.shown'); const places = new Set();"
        "setInterval(() => { places.add(one.querySelector('.frame').getAttribute('viewBox'));"
        "  if (one.querySelector('.play').textContent === 'Play') done(places.size); }, 10)"
    )
    assert ended > 2


def test_another_label_is_followed(browser: Chrome, page: str) -> None:
    show(browser, page)
    points = "return all('article.shown polyline')[0].getAttribute('points')"
    before = run(browser, points)
    choose(browser, "article.shown .follow", "1")
    assert run(browser, points) != before


def test_what_is_folded_opens_for_links_and_print(browser: Chrome, page: str) -> None:
    cells = "return all('.part td').filter((one) => one.checkVisibility()).length"
    show(browser, page)
    assert run(browser, cells) == 0
    browser.get(f"{page}#labels")
    assert run(browser, "return all('#labels')[0].open")
    show(browser, page, media="print")
    assert run(browser, cells) == run(browser, "return all('.part td').length") > 50
