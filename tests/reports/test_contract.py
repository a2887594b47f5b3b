"""What holds for every section: it renders an empty record, escapes what is hostile, fetches nothing."""

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
from stillmotion.comparison import Comparison, FamilyCost
from stillmotion.reports import Record, read_record, render_report
from stillmotion.reports.rendering import Rendered, render_section
from stillmotion.reports.sections import SECTIONS

HOSTILE = ("<script>alert(1)</script>", "\"'$x^2$ &amp; / 🎉", "{{ 7 * 7 }}{% raw %}", "javascript:alert(1)")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Record:
    folder = fabricate(tmp_path_factory.mktemp("hostile") / "<b>'name", labels=HOSTILE, videos=24, filmed=2)
    return read_record(folder)


class Reader(HTMLParser):
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
def test_an_empty_record_renders(name: str) -> None:
    empty = Record(Comparison(families={}, verdict=None))
    assert isinstance(render_section(SECTIONS[name], empty), Rendered | None)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_record_of_tables_renders(name: str, hostile: Record) -> None:
    """Of models trained elsewhere only answers are known: no costs, trainings, videos, evidence."""
    families = {
        family: replace(one, cost=FamilyCost(), trainings=(), searches=(), runs=(), validation_accuracy=None)
        for family, one in hostile.comparison.families.items()
    }
    bare = replace(
        hostile.comparison, families=families, recommendation=None, evidence=None, shortcuts=(), examples=(), spec=None
    )
    assert isinstance(render_section(SECTIONS[name], Record(bare)), Rendered | None)


@pytest.mark.parametrize("name", SECTIONS)
def test_hostile_labels_are_escaped(name: str, hostile: Record) -> None:
    rendered = render_section(SECTIONS[name], hostile)
    assert rendered is not None
    page = Reader(rendered.body)
    assert not page.open
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "b>'name", "iframe", "object", "form", "style"}
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    if name in ("labels", "example_videos", "confusion"):
        for label in HOSTILE:
            assert label in page.text


def test_the_page_fetches_nothing(hostile: Record) -> None:
    page = render_report(hostile)
    assert not re.search(r"https?:|@import", page)
    for tag, attrs in Reader(page).tags:
        for key in ("src", "href", "srcset", "action", "data"):
            value = attrs.get(key)
            assert value is None or value.startswith(("data:", "#")), (tag, key)
        assert "url(" not in (attrs.get("style") or "")
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "default-src 'none'" in page


def test_one_script_and_none_else_may_run(hostile: Record) -> None:
    page = render_report(hostile)
    assert page.count("<script>") == page.count("</script>") == page.count("<script") == 1
    script = page[page.index("<script>") + 8 : page.index("</script>")]
    told = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{told}'" in page
    assert "innerHTML" not in script


def test_what_is_folded_says_what_is_in_it(hostile: Record) -> None:
    for name, section in SECTIONS.items():
        rendered = render_section(section, hostile)
        assert rendered is not None, name
        assert rendered.gist is None or rendered.gist.strip(), name


def test_every_section_is_in_the_table() -> None:
    folder = Path(reports.__file__).parent / "sections"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(SECTIONS)
    assert {path.stem for path in folder.glob("*.html")} == set(SECTIONS)
    assert isinstance(SECTIONS, MappingProxyType)
