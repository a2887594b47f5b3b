"""Rules for every section: it renders sparse records, escapes hostile text, and fetches nothing."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType

import pytest

from helpers.comparisons import fabricate
from stillmotion import reports
from stillmotion.comparison import ANSWER_TITLES, Comparison, ContenderResult, ModelCost
from stillmotion.reports import Record, read_record, render_report
from stillmotion.reports.rendering import render_section, render_text
from stillmotion.reports.sections import SECTIONS

HOSTILE = ("<script>alert(1)</script>", "\"'$x^2$ &amp; / 🎉", "{{ 7 * 7 }}{% raw %}", "javascript:alert(1)")
EMPTY = Record(Comparison(models={}, verdict=None))
OF_ANY_RECORD = {"verdict", "glossary"}
OF_TABLES = {"verdict", "cost", "accuracy", "labels", "confusion", "data", "glossary"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Record:
    folder = fabricate(tmp_path_factory.mktemp("hostile") / "<b>'name", labels=HOSTILE, videos=24, encoded=2)
    record = read_record(folder)
    rivals = {name: ContenderResult(name, HOSTILE[0], {}, (0.5,), (1.0,), (0,)) for name in HOSTILE}
    models = {
        name: replace(result, contenders=tuple(rivals.values())) for name, result in record.comparison.models.items()
    }
    return replace(record, comparison=replace(record.comparison, models=models))


class PageReader(HTMLParser):
    """All tags with their attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(str(page))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "link", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", SECTIONS)
def test_an_empty_record_has_no_sections_but_those_of_any_record(name: str) -> None:
    rendered = render_section(SECTIONS[name], EMPTY)
    assert (rendered is not None) == (name in OF_ANY_RECORD)
    assert rendered is None or not PageReader(rendered.body).open


@pytest.mark.parametrize("name", SECTIONS)
def test_a_record_of_tables_has_the_sections_of_predictions(name: str, hostile: Record) -> None:
    """Of models trained elsewhere only predictions are known: no costs, trainings, videos, evidence."""
    models = {
        family: replace(
            result,
            cost=ModelCost(),
            spec=None,
            trainings=(),
            searches=(),
            runs=(),
            contenders=(),
            validation_accuracy=None,
        )
        for family, result in hostile.comparison.models.items()
    }
    of_tables = replace(
        hostile.comparison,
        models=models,
        recommendation=None,
        evidence=None,
        shortcuts=(),
        examples=(),
        advice=(),
        rates=(),
        learning=(),
    )
    rendered = render_section(SECTIONS[name], Record(of_tables))
    assert (rendered is not None) == (name in OF_TABLES)
    assert rendered is None or not PageReader(rendered.body).open


@pytest.mark.parametrize("name", SECTIONS)
def test_hostile_labels_are_escaped(name: str, hostile: Record) -> None:
    rendered = render_section(SECTIONS[name], hostile)
    assert rendered is not None
    page = PageReader(rendered.body)
    assert not page.open
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "b>'name", "iframe", "object", "form", "style"}
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    if name in ("labels", "example_videos", "confusion", "contenders"):
        for label in HOSTILE:
            assert label in page.text


@pytest.mark.parametrize("name", SECTIONS)
def test_every_table_and_plot_of_accuracies_shows_guessing_on_the_whole_axis(name: str, hostile: Record) -> None:
    rendered = render_section(SECTIONS[name], hostile)
    assert rendered is not None
    for table in re.findall(r"<table.*?</table>", rendered.body, re.DOTALL):
        if name == "learning" or re.search(r'<th scope="col">[^<]*accuracy', table, re.IGNORECASE):
            assert '<tr class="chance">' in table or '<th scope="col">Guessing</th>' in table
    for figure in re.findall(r"<figure.*?</figure>", rendered.body, re.DOTALL):
        if "ccuracy" in figure and 'class="difference"' not in figure:
            assert '<i class="hline chance"' in figure or '<i class="guessing"' in figure
            assert "Dotted line: " in figure
            ends = re.findall(r'<span style="(?:left|bottom): (\d+)%">(\d+)(?:&nbsp;|\xa0)%', figure)
            assert ends == [(str(tick),) * 2 for tick in (0, 25, 50, 75, 100)]


def test_accuracies_are_at_their_place_on_an_axis_that_starts_at_0(hostile: Record) -> None:
    for name, side in (("accuracy", "left"), ("cost", "bottom")):
        rendered = render_section(SECTIONS[name], hostile)
        assert rendered is not None
        for result in hostile.comparison.models.values():
            assert f"{side}: {100 * result.accuracy.value:.2f}%" in rendered.body


def test_the_page_fetches_nothing(hostile: Record) -> None:
    page = render_report(hostile)
    assert not re.search(r"https?:|@import", page)
    for tag, attrs in PageReader(page).tags:
        for key in ("src", "href", "srcset", "action", "data"):
            value = attrs.get(key)
            assert value is None or value.startswith(("data:", "#")), (tag, key)
        assert "url(" not in (attrs.get("style") or "")
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style


def test_the_content_security_policy_allows_only_the_script_of_the_page(hostile: Record) -> None:
    page = render_report(hostile)
    assert page.count("<script>") == page.count("</script>") == page.count("<script") == 1
    script = page[page.index("<script>") + 8 : page.index("</script>")]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in page
    assert f"script-src 'sha256-{digest}'" in page
    assert "innerHTML" not in script


def test_every_folded_section_has_a_gist(hostile: Record) -> None:
    for name, section in SECTIONS.items():
        rendered = render_section(section, hostile)
        assert rendered is not None, name
        assert rendered.gist is None or rendered.gist.strip(), name


def test_every_section_is_in_the_table() -> None:
    folder = Path(reports.__file__).parent / "sections"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(SECTIONS)
    assert {path.stem for path in folder.glob("*.html")} == set(SECTIONS)
    assert isinstance(SECTIONS, MappingProxyType)


def test_commands_in_text_are_code_and_everything_is_escaped() -> None:
    assert render_text("try `--pool max` <now>") == "try <code>--pool max</code> &lt;now&gt;"
    assert render_text("the label `<b>") == "the label `&lt;b&gt;"


def test_every_class_of_the_style_sheets_is_used() -> None:
    folder = Path(reports.__file__).parent
    sheets = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.css")))
    selectors = " ".join(re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", sheets, flags=re.DOTALL)))
    classes = set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors)) - {"css"}
    sources = [*folder.rglob("*.html"), folder / "page.js", *folder.rglob("*.py")]
    words = set(re.findall(r"[\w-]+", "\n".join(path.read_text(encoding="utf-8") for path in sources)))
    of_answers = {answer.replace(" ", "-") for answer in ANSWER_TITLES}
    assert {"track", "predictions"} <= classes
    assert not sorted(classes - words - of_answers)
