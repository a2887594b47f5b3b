"""Class names in every form that the options accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillmotion.data.class_names import read_class_names
from stillmotion.errors import UsageError


def test_a_comma_separated_list_is_split_and_stripped() -> None:
    assert read_class_names("jam, running ,über 2") == ("jam", "running", "über 2")
    assert read_class_names("jam") == ("jam",)


def test_a_sequence_is_taken_as_it_is_but_checked() -> None:
    assert read_class_names(["a,b", " jam"]) == ("a,b", " jam")
    for labels, message in (([], "no class names"), (["a", ""], "class name 2 of 2"), (("a", "a"), "'a' occurs twice")):
        with pytest.raises(UsageError, match=f"the list of class names: .*{message}"):
            read_class_names(labels)


def test_a_path_is_a_file_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "names,of,classes").write_text("jam\nrunning\n")
    assert read_class_names(tmp_path / "names,of,classes") == ("jam", "running")
    with pytest.raises(UsageError, match="class names cannot be read"):
        read_class_names(tmp_path / "jam,running")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("names.txt", "running\njam\nstop sign\n"),
        ("no-suffix", "\ufeffrunning\r\n\r\n  jam\r\nstop sign"),
        ("labels.txt", "0 running\n1 jam\n2 stop sign\n"),
        ("list.json", '["running", "jam", "stop sign"]'),
        ("name-to-index.json", '{"jam": 1, "stop sign": 2, "running": 0}'),
        ("index-to-name.JSON", '{"2": "stop sign", "0": "running", "1": "jam"}'),
    ],
)
def test_every_kind_of_file_gives_the_names_in_the_order_of_the_outputs(
    tmp_path: Path, file: str, content: str
) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    assert read_class_names(str(tmp_path / file)) == ("running", "jam", "stop sign")


def test_numbers_that_are_not_indexes_belong_to_the_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("2 people\n1 person\n")
    (tmp_path / "b.txt").write_text("0 people\ncrowd\n")
    (tmp_path / "c.json").write_text('{"1": 0, "0": 1}')
    assert read_class_names(str(tmp_path / "a.txt")) == ("2 people", "1 person")
    assert read_class_names(str(tmp_path / "b.txt")) == ("0 people", "crowd")
    assert read_class_names(str(tmp_path / "c.json")) == ("1", "0")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jam,,running", "class name 2 of 3 is empty"),
        ("", "class name 1 of 1 is empty"),
        ("jam,running,jam", "'jam' occurs twice"),
        ("x" * 5000 + "," + "x" * 5000, "occurs twice"),
    ],
)
def test_a_bad_list_is_one_clear_line(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        read_class_names(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("missing.txt", None, "class names cannot be read"),
        ("binary.txt", b"\xff\xfe\x00", "not text in UTF-8"),
        ("blank.txt", b" \n\n", "no class names"),
        ("twice.txt", b"a\nb\na\n", "'a' occurs twice"),
        ("broken.json", b'["a", ', "not valid JSON"),
        ("number.json", b"3", "expected a list of class names"),
        ("null.json", b'["a", null]', "expected a list of class names"),
        ("nested.json", b'{"0": ["a"], "1": ["b"]}', "expected a list of class names"),
        ("gap.json", b'{"a": 0, "b": 2}', "indexes of its 2 class names are not 0 to 1"),
        ("same.json", b'{"a": 0, "b": 0}', "are not 0 to 1"),
        ("words.json", b'{"a": "b", "c": "d"}', "are not 0 to 1"),
        ("empty.json", b"{}", "no class names"),
        ("emptyname.json", b'["a", " "]', "class name 2 of 2 is empty"),
    ],
)
def test_a_bad_file_is_named_in_one_clear_line(tmp_path: Path, file: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(UsageError, match=says) as error:
        read_class_names(str(tmp_path / file))
    assert file in str(error.value)
    assert "\n" not in str(error.value)
