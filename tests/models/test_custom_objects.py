"""What a model's file may call by name: the user's own layers and functions, and Keras's."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillmotion.models.custom_objects import import_custom_objects

pytestmark = pytest.mark.backend

MODULE = """
import functools
import os
from os import system
from subprocess import run
import keras
from keras.activations import relu
from keras.layers import Dense, Layer
from keras.utils import get_file
from functions_beside_it import mish

class Mine(Layer):
    pass

def swish(x):
    return x * keras.ops.sigmoid(x)

def _helper(x):
    return x

capped = functools.partial(keras.activations.relu, max_value=6)
start = functools.partial(run, check=True)
leak = lambda x: x
"""


def test_what_a_module_imported_from_elsewhere_is_not_passed_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "functions_beside_it.py").write_text("def mish(x):\n    return x\n")
    file = tmp_path / "module_of_custom_objects.py"
    file.write_text(MODULE)
    names = {"Dense", "Layer", "Mine", "capped", "leak", "mish", "relu", "swish"}
    assert set(import_custom_objects(str(file))) == names
