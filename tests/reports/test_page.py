"""The page in a browser, where one is installed: no errors, no requests, readable by all, and what its script does."""

import json
import re
import shutil
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import axe_core_python  # type: ignore[import-untyped]
import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By

from helpers.comparisons import fabricate, fabricate_ladder
from helpers.detector_pages import make_evaluation, make_simulation, make_tested_detector
from helpers.media import write_video
from stillmotion.comparison import Comparison, IntervalEstimate, read_comparison
from stillmotion.reports import write_anomaly_report, write_report, write_summary

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no Chromium with its driver is installed (Debian: chromium, chromium-driver)"
)
SHAPES = ((160, 90), (90, 120), (60, 140))  # height and width: 9:16, 4:3, 21:9
LABELS = ("<script>alert(1)</script>", "\"'$x^2$ &amp; / 🎉", "</script>", "long_" * 30)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)
AXE = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = fabricate(tmp_path_factory.mktemp("page"), labels=LABELS, videos=32, encoded=24, seeds=2)
    return write_report(folder).as_uri()


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return read_comparison(fabricate_ladder(tmp_path_factory.mktemp("ladder")))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of clips of several shapes."""
    folder = fabricate(tmp_path_factory.mktemp("shapes"), videos=2 * len(SHAPES), encoded=0)
    for number, (height, width) in enumerate(SHAPES * 2):
        halves = np.zeros((20, height, width, 3), np.uint8)
        halves[:, :, : width // 2, 0] = halves[:, :, width // 2 :, 2] = 250
        write_video(folder / "clips" / f"clip {number:03d}.mp4", halves)
    return write_report(folder).as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        yield chrome
    finally:
        chrome.quit()


def show(browser: Chrome, page: str, *, width: int = 1280, scheme: str = "light", media: str = "screen") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get(page)


def run(browser: Chrome, script: str) -> Any:
    return browser.execute_script(f"const all = (s) => [...document.querySelectorAll(s)]; {script}")


def choose(browser: Chrome, selector: str, value: str) -> None:
    change = "const select = document.querySelector(arguments[0]); select.value = arguments[1];"
    browser.execute_script(f"{change} select.dispatchEvent(new Event('change'))", selector, value)


def log(browser: Chrome, kind: str) -> list[dict[str, Any]]:
    """The entries of a log since it was read last."""
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def check(browser: Chrome, page: str, width: int, scheme: str) -> None:
    """A page, with all that is folded, is not too wide, accessible, and makes no error and no request."""
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        log(browser, kind)
    show(browser, page, width=width, scheme=scheme)
    run(browser, "all('details').forEach((details) => details.open = true)")
    assert run(browser, "return document.documentElement.scrollWidth") <= width
    browser.execute_script(AXE)
    violations = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then((results) => done(results.violations))"
    )
    severe = [violation for violation in violations if violation["impact"] in ("serious", "critical")]
    assert not [(violation["id"], violation["nodes"][0]["html"][:200]) for violation in severe]
    assert not log(browser, "browser")
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    urls = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert page in urls
    assert not [url for url in urls if url != page and not url.startswith("data:")]


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (640, "light"), (1280, "dark")])
def test_the_page_is_accessible_and_makes_no_error_and_no_request(
    browser: Chrome, page: str, width: int, scheme: str
) -> None:
    check(browser, page, width, scheme)


def test_the_page_of_a_detector_is_accessible_and_its_recordings_are_looked_through(
    browser: Chrome, tmp_path: Path
) -> None:
    simulation, evaluation = make_simulation(), make_evaluation(tmp_path)
    report = write_anomaly_report(
        make_tested_detector(), tmp_path / "report.html", simulation=simulation, evaluation=evaluation
    )
    check(browser, report.as_uri(), 390, "light")
    show(browser, report.as_uri())
    run(browser, "all('.list input')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.ARROW_UP)  # from the first to the last
    assert run(browser, "return all('article.shown h3').map((title) => title.textContent)") == ["one.mp4"]
    state = (
        "const get = (selector) => all('article.shown ' + selector)[0]; return ["
        "get('.frame svg').getAttribute('viewBox'), get('.scrub').getAttribute('aria-valuetext'),"
        "get('.cursor').style.left]"
    )
    before = run(browser, state)
    run(browser, "all('article.shown .scrub')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.END)
    after = run(browser, state)
    assert after[1:] == ["10.0 seconds", "100%"] and all(old != new for old, new in zip(before, after, strict=True))


def test_no_other_script_may_run(browser: Chrome, page: str) -> None:
    show(browser, page)
    run(
        browser,
        "const added = document.createElement('script'); added.text = 'window.ran = 1'; document.body.append(added)",
    )
    state = run(browser, "return [window.ran, document.documentElement.className]")
    assert state == [None, "js"]
    log(browser, "browser")


def test_a_model_is_hidden_in_every_plot(browser: Chrome, page: str) -> None:
    show(browser, page)
    lines = "return all('polyline[data-family=conv3d]').filter((line) => line.matches('.off')).length"
    assert run(browser, lines) == 0
    run(browser, "all('[data-toggle=conv3d]')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert run(browser, lines) == run(browser, "return all('polyline[data-family=conv3d]').length") > 24
    assert run(browser, "return all('[data-toggle=conv3d]').every((button) => button.ariaPressed === 'false')")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert run(browser, lines) == 0


def test_videos_are_picked_and_filtered_by_keyboard(browser: Chrome, page: str) -> None:
    show(browser, page)
    shown = (
        "return all('article').filter((article) => article.checkVisibility()).map((article) => article.dataset.number)"
    )
    assert run(browser, shown) == ["1"]
    run(browser, "all('.list input')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert run(browser, shown) == ["2"]
    choose(browser, "[data-filter=label]", "</script>")
    left = run(browser, "return all('.list label').filter((item) => !item.hidden).map((item) => item.dataset.label)")
    assert left
    assert set(left) == {"</script>"}
    assert run(browser, "return all('article.shown h3')[0].textContent") == "</script>"


def test_the_cursor_moves_frame_and_predictions(browser: Chrome, page: str) -> None:
    show(browser, page)
    state = (
        "const get = (selector) => all('article.shown')[0].querySelector(selector); return ["
        "get('.frame svg').getAttribute('viewBox'), get('[data-value=conv3d]').textContent,"
        "get('.scrub').getAttribute('aria-valuetext'), get('.cursor').style.left]"
    )
    before = run(browser, state)
    run(browser, "all('article.shown .scrub')[0].focus()")
    browser.switch_to.active_element.send_keys(Keys.END)
    after = run(browser, state)
    assert after[3] == "100%"
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert after[1].startswith("at 2.0 s: ")


def test_a_video_plays(browser: Chrome, page: str) -> None:
    show(browser, page)
    run(browser, "all('article.shown .scrub')[0].value = 1; all('article.shown .play')[0].click()")  # the second half
    frames = browser.execute_async_script(
        "const done = arguments[0]; const get = (selector) => document.querySelector('article.shown ' + selector);"
        "const views = new Set(); setInterval(() => { views.add(get('.frame svg').getAttribute('viewBox'));"
        "  if (get('.play').textContent === 'Play') done(views.size); }, 10)"
    )
    assert frames > 2


def seams(png: bytes) -> tuple[int, bool]:
    """How often red is beside blue in the middle of a picture, and whether it reaches the four corners."""
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)
    red, blue = (pixels[..., one] - pixels[..., other] > 100 for one, other in ((0, 2), (2, 0)))
    middle = len(pixels) // 2
    colors = [color for color in (red[middle] * 1 - blue[middle] * 1).tolist() if color]
    filled = bool(red[[2, -3], 2].all() and blue[[2, -3], -3].all())
    return sum(one != other for one, other in pairwise(colors)), filled


@pytest.mark.parametrize("width", [390, 1280])
def test_each_picture_is_one_whole_frame_whatever_its_shape(browser: Chrome, shapes: str, width: int) -> None:
    """Every frame is red on the left and blue on the right: beside a second frame, red and blue would meet again."""
    show(browser, shapes, width=width)
    thumbs = browser.find_elements(By.CSS_SELECTOR, ".thumb")
    assert len(thumbs) == len(SHAPES) * 2
    assert {seams(thumb.screenshot_as_png)[0] for thumb in thumbs} == {1}
    for item in browser.find_elements(By.CSS_SELECTOR, ".list input")[: len(SHAPES)]:
        browser.execute_script("arguments[0].click()", item)
        frame = browser.find_element(By.CSS_SELECTOR, "article.shown .frame")
        assert seams(frame.screenshot_as_png) == (1, True)  # without bars
        strip = browser.find_elements(By.CSS_SELECTOR, "article.shown .strip > svg")
        assert seams(strip[-1].screenshot_as_png) == (1, True)


def test_another_label_can_be_plotted(browser: Chrome, page: str) -> None:
    show(browser, page)
    points = "return all('article.shown polyline')[0].getAttribute('points')"
    before = run(browser, points)
    choose(browser, "article.shown .plotted", "1")
    assert run(browser, points) != before


def test_folded_sections_open_for_links_and_print(browser: Chrome, page: str) -> None:
    cells = "return all('.part td').filter((cell) => cell.checkVisibility()).length"
    show(browser, page)
    assert run(browser, cells) == 0
    browser.get(f"{page}#labels")
    assert run(browser, "return all('#labels')[0].open")
    show(browser, page, media="print")
    assert run(browser, cells) == run(browser, "return all('.part td').length") > 50


@pytest.mark.parametrize("width", [390, 1280])
def test_tables_that_are_wider_than_the_page_say_that_they_scroll(browser: Chrome, page: str, width: int) -> None:
    show(browser, page, width=width)
    run(browser, "all('details').forEach((details) => details.open = true)")
    browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))")
    said = run(
        browser,
        "return all('.scroll').map((table) => [table.scrollWidth > table.clientWidth,"
        "  table.parentElement.querySelector('.hint').checkVisibility()])",
    )
    assert all(wide == hint for wide, hint in said)
    assert width > 390 or any(wide for wide, _ in said)


def test_on_a_phone_lines_of_tables_are_whole_and_names_of_recordings_are_not_cut(
    browser: Chrome, tmp_path: Path
) -> None:
    name, evaluation = "line-3/2026-05-04/camera-left-morning-shift-0001.mp4", make_evaluation(tmp_path)
    timelines = tuple(replace(timeline, recording=name) for timeline in evaluation.timelines[2:])
    named = replace(evaluation, timelines=timelines)
    report = write_anomaly_report(
        make_tested_detector(), tmp_path / "report.html", simulation=make_simulation(), evaluation=named
    ).as_uri()
    for width in (390, 1280):
        show(browser, report, width=width)
        assert run(browser, "return all('.list b').map((name) => name.scrollHeight - name.clientHeight)") == [0]
    density = 2.625  # of a phone on which no line is a whole number of pixels
    size = {"width": 390, "height": 7000, "deviceScaleFactor": density, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(report)
    run(browser, "all('details').forEach((details) => details.open = true)")
    box = run(browser, "return all('#found .scroll tbody')[0].getBoundingClientRect()")
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    pixels = np.asarray(Image.open(BytesIO(b64decode(picture))).convert("L"), int)
    # To the right of the text of the first cell, which stays when the others are scrolled, and to the left of theirs.
    rows = slice(round(density * box["top"]), round(density * box["bottom"]))
    fixed, scrolled = (pixels[rows, round(density * x)] < 235 for x in (105, 118))
    assert fixed.sum() > 80 and (fixed == scrolled).all()


def test_the_summary_is_one_page_of_paper(browser: Chrome, page: str, tmp_path: Path) -> None:
    comparison = read_comparison(Path(page.removeprefix("file://")).parent)  # of long and hostile labels
    summary = write_summary(comparison, tmp_path / "summary.html").as_uri()
    show(browser, summary, width=390)
    assert run(browser, "return document.documentElement.scrollWidth") <= 390
    show(browser, summary, media="print")
    for paper in ({"paperWidth": 8.27, "paperHeight": 11.69}, {"paperWidth": 8.5, "paperHeight": 11}):
        pdf = b64decode(browser.execute_cdp_cmd("Page.printToPDF", paper)["data"])
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1


@pytest.mark.parametrize("width", [390, 640, 1280])
@pytest.mark.parametrize("accuracy", [0.3, 0.9, 1.0])
def test_names_on_the_cost_plot_do_not_overlap_where_rungs_are_equal(
    browser: Chrome, ladder: Comparison, tmp_path: Path, width: int, accuracy: float
) -> None:
    same = IntervalEstimate(accuracy, accuracy - 0.1, min(1.0, accuracy + 0.05))
    models = {
        name: replace(result, accuracy=same, cost=replace(result.cost, milliseconds_per_clip=5.0))
        for name, result in ladder.models.items()
    }
    page = write_report(replace(ladder, models=models), tmp_path / "equal.html").as_uri()
    show(browser, f"{page}#cost", width=width)
    boxes = run(browser, "return all('#cost .tag').map((tag) => tag.getBoundingClientRect().toJSON());")
    assert len(boxes) == 5
    for box in boxes:
        assert box["left"] >= 0 and box["right"] <= width
    for first, second in combinations(boxes, 2):
        across = first["left"] < second["right"] and second["left"] < first["right"]
        down = first["top"] < second["bottom"] - 1 and second["top"] < first["bottom"] - 1
        assert not (across and down)
