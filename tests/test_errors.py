"""What is quoted of errors of other programs."""

from __future__ import annotations

import pytest

from stillmotion.errors import last_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "ValueError"),
        ("one line", "one line"),
        (f"Could not deserialize.\n{'config ' * 9000}\n\nThe reason.\n", "The reason."),
        (
            "calling Dense.call().\n\nShapes  differ.\n\nArguments received by Dense.call():\n  - args=()",
            "Shapes differ.",
        ),
        ("Graph execution error:\nIn[0] mismatch\n\t [[{{node a}}]] [Op:f]", "In[0] mismatch"),
        ("Unknown layer. Full object config: {'module': None}", "Unknown layer."),
        ("x" * 999, "x" * 200),
    ],
)
def test_the_last_line_that_says_something_is_quoted(text: str, expected: str) -> None:
    assert last_line(ValueError(text)) == expected
