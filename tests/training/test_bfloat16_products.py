"""Products in bfloat16 in training: on CPUs that have them, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from stillmotion.training import bfloat16_products as module
from stillmotion.training.bfloat16_products import bfloat16_products, cpu_multiplies_bfloat16, has_bfloat16_products

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own option")


@pytest.mark.parametrize(
    ("flags", "expected"), [("sse avx2 avx512f", False), ("avx512_bf16 sse", True), ("amx_bf16", True), (None, False)]
)
def test_the_cpus_flags_say_whether_it_multiplies_in_bfloat16(
    flags: str | None, expected: bool, tmp_path: Path
) -> None:
    if flags is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    assert cpu_multiplies_bfloat16(tmp_path) is expected


def product() -> float:
    """A product that bfloat16 rounds to 1, traced anew."""
    import tensorflow as tf

    factors = [tf.constant(np.full((32, 32), value, np.float32)) for value in (1 + 2**-10, 1 / 32)]
    return float(tf.function(lambda a, b: tf.nn.relu(tf.matmul(a, b)))(*factors)[0, 0])


@tensorflow_only
@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_products_are_rounded_inside_the_context_only_and_on_such_cpus_only(
    has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_bfloat16 and not cpu_multiplies_bfloat16():
        pytest.skip("this CPU does not multiply in bfloat16")
    monkeypatch.setattr(module, "cpu_multiplies_bfloat16", lambda: has_bfloat16)
    exact = 1 + 2**-10
    assert product() == exact
    with bfloat16_products():
        assert product() == (1.0 if has_bfloat16 else exact)
        assert has_bfloat16_products("float32") is has_bfloat16
    with bfloat16_products("mixed_bfloat16"):
        assert product() == exact
        assert not has_bfloat16_products("mixed_bfloat16")
    assert product() == exact
