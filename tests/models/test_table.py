"""The table of families, read without a backend."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES, check_options


def test_the_table_and_the_folder_agree() -> None:
    for name, family in FAMILIES.items():
        assert family.builder == f"stillmotion.models.{name}:build"


def test_reading_the_table_imports_no_backend() -> None:
    code = "import sys, stillmotion.models; sys.exit(bool({'keras', 'tensorflow', 'jax'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_defaults_are_the_first_values() -> None:
    assert check_options("frame_pool", {}) == {"pool": "mean", "backbone": "small", "preset": "standard"}
    assert check_options("conv3d", {"input": "rgb"}) == {
        "factored": True,
        "causal": False,
        "input": "rgb",
        "preset": "standard",
    }


def test_classic_implies_the_other_options() -> None:
    implied = check_options("cnn_rnn", {"preset": "classic"})
    assert implied == {"rnn": "lstm", "bidirectional": False, "input": "rgb", "preset": "classic"}
    assert check_options("cnn_rnn", implied) == implied


@pytest.mark.parametrize(
    ("family", "options", "words"),
    [
        ("conv4d", {}, ["conv4d", "frame_pool", "cnn_rnn", "conv3d"]),
        ("conv3d", {"pool": "mean"}, ["conv3d", "pool", "factored"]),
        ("frame_pool", {"pool": "median"}, ["frame_pool", "pool", "median", "mean", "max", "vote"]),
        ("cnn_rnn", {"bidirectional": "yes"}, ["cnn_rnn", "bidirectional", "yes", "True", "False"]),
        ("cnn_rnn", {"preset": "classic", "rnn": "gru"}, ["cnn_rnn", "classic", "rnn", "lstm", "gru"]),
    ],
)
def test_a_wrong_choice_is_refused_in_one_line_with_what_is_allowed(
    family: str, options: dict[str, str | bool], words: list[str]
) -> None:
    with pytest.raises(UsageError) as error:
        check_options(family, options)
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words)
