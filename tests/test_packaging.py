"""What surrounds the package agrees with it: metadata, API reference, and what CONTRIBUTING.md says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

import stillmotion

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]


def test_the_api_reference_lists_every_public_name_once() -> None:
    pages = (page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))
    listed = [name for page in pages for name in re.findall(r"^::: stillmotion\.(\w+)$", page, re.MULTILINE)]
    assert set(listed) == set(dir(stillmotion))
    assert len(listed) == len(set(listed))


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
