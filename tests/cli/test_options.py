"""What options read of their text."""

from __future__ import annotations

from typing import Any

import pytest

from stillmotion.cli.options import read_backbones, read_threshold, spread_threshold
from stillmotion.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("0.6", 0.6),
        ("jam=0.8", {"jam": 0.8}),
        ("0.3,jam=0.8", {"calm": 0.3, "jam": 0.8, "stop": 0.3}),
        ("jam=0.8, 0.3", {"calm": 0.3, "jam": 0.8, "stop": 0.3}),
        ("0.3,unknown=1.2", {"calm": 0.3, "jam": 0.3, "stop": 0.3, "unknown": 1.2}),
    ],
)
def test_a_threshold_is_for_all_labels_for_some_or_both(text: str | None, expected: Any) -> None:
    assert spread_threshold(read_threshold(text, "--enter-threshold"), ("calm", "jam", "stop")) == expected


@pytest.mark.parametrize("text", ["", "jam", "jam=", "0.3,", "0.3,0.4", "jam=0.3,jam=0.4"])
def test_other_thresholds_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--enter-threshold"):
        read_threshold(text, "--enter-threshold")


def test_a_backbone_that_is_named_twice_is_left_to_the_library_which_refuses_it() -> None:
    assert read_backbones("small, small,") == ["small", "small"]
