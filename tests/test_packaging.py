"""What surrounds the package agrees with it: metadata, API reference, and what CONTRIBUTING.md says."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import stillmotion

ROOT = Path(__file__).parents[1]


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions that stillmotion exports, and the public methods of its classes."""
    for name in dir(stillmotion):
        member = getattr(stillmotion, name)
        if inspect.isfunction(member):
            yield name, member
        elif inspect.isclass(member):
            methods = [method for method in vars(member) if not method.startswith("_")]
            for method in methods:
                if inspect.isfunction(vars(member)[method]):
                    yield f"{name}.{method}", getattr(member, method)


FUNCTIONS = dict(public_functions())
# These raise nothing themselves.
WITHOUT_ERRORS = {
    "Comparison.to_json",
    "EventDetector.explain_silence",
    "EventDetector.finish",
    "EventDetector.flush",
    "OpenedVideos.only",
    "Verdict.to_json",
    "Videos.file",
    "VideoDataset.on_epoch_end",
    "Videos.only",
    "available_backbones",
    "choose_rate",
    "complete_comparison",
    "time_budget",
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]


def test_the_api_reference_lists_every_public_name_once() -> None:
    pages = (page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))
    listed = [name for page in pages for name in re.findall(r"^::: stillmotion\.(\w+)$", page, re.MULTILINE)]
    assert set(listed) == set(dir(stillmotion))
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_documents_its_arguments_result_and_errors(name: str) -> None:
    signature = inspect.signature(FUNCTIONS[name])
    docstring = (inspect.getdoc(FUNCTIONS[name]) or "") + "\n"
    sections = dict(re.findall(r"^(Args|Returns|Yields|Raises):\n((?: +.*\n|\n)+)", docstring, re.MULTILINE))
    documented = re.findall(r"^ {4}\**(\w+):", sections.get("Args", ""), re.MULTILINE)
    assert documented == [parameter for parameter in signature.parameters if parameter != "self"]
    assert bool({"Returns", "Yields"} & set(sections)) == (signature.return_annotation not in (None, "None"))
    assert ("Raises" in sections) == (name not in WITHOUT_ERRORS)


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(stillmotion.__file__).parent / "py.typed").is_file()


def test_keras_versions_whose_safe_mode_can_be_bypassed_are_not_accepted() -> None:
    keras = next(r for r in map(Requirement, PROJECT["dependencies"]) if r.name == "keras")
    assert not keras.specifier.contains("3.13.2")
    assert keras.specifier.contains("3.14.0")


def test_the_citation_names_the_version() -> None:
    assert f"\nversion: {PROJECT['version']}\n" in read("CITATION.cff")


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml"):
        named = set(re.findall(r"(?:^|`|run: )make ([a-z]+)", read(name), re.MULTILINE))
        assert named, name
        assert named <= targets, f"{name}: {sorted(named - targets)}"


def test_every_table_that_contributors_are_sent_to_exists() -> None:
    tables = re.findall(r"`(\w+)` in `([\w/]+\.py)`", read("CONTRIBUTING.md"))
    assert tables
    for table, file in tables:
        assert re.search(rf"^{table}\b.*=", read(f"src/stillmotion/{file}"), re.MULTILINE), f"{file}: no {table}"


def test_the_tests_that_hold_each_package_exist() -> None:
    """`make mutants` runs them; a renamed file would let every mutant of its package live."""
    table = re.search(r"^PACKAGES = \{\n.*?^\}", read("tools/mutants.py"), re.MULTILINE | re.DOTALL)
    assert table
    packages: dict[str, list[str]] = {}
    exec(table[0], packages)  # our own table, which is a literal with two comprehensions
    for tests in packages["PACKAGES"].values():  # type: ignore[attr-defined]
        assert [path for path in tests if not (ROOT / path).exists()] == []
