"""Silent faults of models are caught, with the layer's name and the fix."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from helpers.pipeline import SIDE, color_model, write_disc_videos
from stillmotion.audit import audit_model
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.consistency import check_model
from stillmotion.audit.frame_reader import FrameReader
from stillmotion.audit.input_range import find_input_range
from stillmotion.audit.loading import load_audited_model
from stillmotion.errors import StillmotionError, UsageError

pytestmark = pytest.mark.backend
FRAMES = 5


def saved(tmp_path: Path, model: Any, **options: Any) -> AuditedModel:
    model.save(tmp_path / "model.keras")
    return load_audited_model(tmp_path / "model.keras", **options)


def clip_model(frames: int | None) -> Any:
    inputs = keras.Input((frames, SIDE, SIDE, 3))
    x = layers.TimeDistributed(layers.Conv2D(4, 3, strides=4, activation="relu"), name="each_frame")(inputs)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D(), name="each_pool")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GRU(4)(x)))


def random_inputs(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def test_the_report_for_keras_shows_the_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """If this fails on a later Keras, the fault may be mended: the report and the check's fix name versions."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a fault of TensorFlow")
    report = (Path(__file__).parents[2] / "docs" / "keras-issue.md").read_text(encoding="utf-8")
    script = re.search(r"```python\n(.*?)```", report, re.DOTALL)
    assert script
    exec(script[1], {})
    printed = capsys.readouterr().out
    assert printed == f"Keras {keras.__version__} called: (2, 6, 1) traced: (2, 2, 1)\n"
    assert printed in report


def failed_checks(audited: AuditedModel, values: Any) -> dict[str, str]:
    return {check.check: check.fix for check in check_model(audited, values) if not check.passed}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fault is TensorFlow's")
def test_time_distributed_with_unknown_time_is_caught(tmp_path: Path) -> None:
    audited = saved(tmp_path, clip_model(None), frames=FRAMES)
    fixes = failed_checks(audited, random_inputs(4, FRAMES, SIDE, SIDE, 3))
    fix = fixes["unknown_frames"]
    assert "each_frame" in fix and "each_pool" in fix
    assert "keras.Input((5, 24, 24, 3))" in fix


def test_a_healthy_clip_model_passes(tmp_path: Path) -> None:
    assert failed_checks(saved(tmp_path, clip_model(FRAMES)), random_inputs(4, FRAMES, SIDE, SIDE, 3)) == {}


def test_a_healthy_image_model_passes(tmp_path: Path) -> None:
    assert failed_checks(saved(tmp_path, color_model()), 255 * random_inputs(4, SIDE, SIDE, 3)) == {}


def test_ignored_frames_are_named(tmp_path: Path) -> None:
    inputs = keras.Input((FRAMES, SIDE, SIDE, 3))
    last = layers.Cropping3D(((3, 0), (0, 0), (0, 0)))(inputs)
    # Not a mean over all pixels: the check moves pixels about, which leaves a mean as it is but for rounding.
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(last)))
    fixes = failed_checks(saved(tmp_path, model), random_inputs(4, FRAMES, SIDE, SIDE, 3))
    assert "[0, 1, 2]" in fixes["frames_used"]


def test_dropout_held_in_training_mode_is_named(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Dropout(0.5, name="stuck_dropout")(layers.Flatten()(inputs), training=True)
    fixes = failed_checks(
        saved(tmp_path, keras.Model(inputs, layers.Dense(3, activation="softmax")(x))), random_inputs(4, SIDE, SIDE, 3)
    )
    assert "stuck_dropout" in fixes["default_call_agrees"]
    assert "stuck_dropout" in fixes["inference_mode"]


def test_a_state_that_is_not_reset_is_named(tmp_path: Path) -> None:
    inputs = keras.Input((FRAMES, SIDE, SIDE, 3), batch_size=3)
    x = layers.Reshape((FRAMES, -1))(inputs)
    x = layers.GRU(4, stateful=True, name="keeps_state")(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    fixes = failed_checks(saved(tmp_path, model), random_inputs(8, FRAMES, SIDE, SIDE, 3))
    assert list(fixes) == ["repeatable"]
    assert "keeps_state" in fixes["repeatable"]


def test_computing_in_sixteen_bits_is_not_a_fault(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = color_model()
    finally:
        keras.config.set_dtype_policy("float32")
    checks = check_model(saved(tmp_path, model), 255 * random_inputs(4, SIDE, SIDE, 3))
    assert [check.check for check in checks if not check.passed] == []
    assert "Same prediction in float32 as in mixed_bfloat16" in [check.name for check in checks]


def test_logits_are_evaluated_too(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    audited = saved(tmp_path, keras.Model(inputs, layers.Dense(3)(layers.Flatten()(inputs))))
    assert audited.outputs == "logits"
    checks = {check.check: check.passed for check in check_model(audited, random_inputs(4, SIDE, SIDE, 3))}
    assert checks["evaluate_agrees"]


def test_predictions_that_depend_on_the_batch_are_found(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Flatten()(inputs)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x - keras.ops.mean(x, axis=0, keepdims=True)))
    fixes = failed_checks(saved(tmp_path, model), random_inputs(4, SIDE, SIDE, 3))
    assert "the other inputs of the batch" in fixes["batch_independent"]


def test_the_range_is_read_from_rescaling(tmp_path: Path) -> None:
    audited = saved(tmp_path, color_model())
    evidence = find_input_range(audited, [])
    assert evidence is not None
    assert (evidence.input_range, evidence.source) == ("0..255", "rescaling")
    assert evidence.value == pytest.approx(255)


@pytest.mark.parametrize("input_range", ["0..255", "0..1", "-1..1"])
def test_the_range_is_known_from_batch_normalization(tmp_path: Path, input_range: str) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    norm = layers.BatchNormalization()
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(norm(inputs))))
    pictures = [255 * random_inputs(SIDE, SIDE, 3) ** 2 for _ in range(4)]
    factor, added = {"0..255": (1, 0), "0..1": (1 / 255, 0), "-1..1": (1 / 127.5, -1)}[input_range]
    seen = np.stack(pictures) * factor + added
    norm.moving_mean.assign(seen.mean((0, 1, 2)))
    norm.moving_variance.assign(seen.var((0, 1, 2)))
    evidence = find_input_range(saved(tmp_path, model), pictures)
    assert evidence is not None and evidence.source == "batch_normalization"
    assert evidence.input_range == input_range


def test_a_model_of_something_else_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((7,))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(inputs)))
    with pytest.raises(StillmotionError, match="neither images"):
        saved(tmp_path, model)


def test_other_bad_models_and_labels(tmp_path: Path) -> None:
    color_model().save(tmp_path / "good.keras")
    (tmp_path / "bad.keras").write_text("nothing")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(UsageError, match="no such model"):
        load_audited_model(tmp_path / "none.keras")
    with pytest.raises(StillmotionError, match="not a Keras model"):
        load_audited_model(tmp_path / "bad.keras")
    with pytest.raises(UsageError, match="has 2 labels, but the model has 4 classes"):
        load_audited_model(tmp_path / "good.keras", labels=tmp_path / "labels.txt")
    with pytest.raises(UsageError, match="has 1 label, but the model has 4 classes"):
        load_audited_model(tmp_path / "good.keras", labels="a")
    with pytest.raises(UsageError, match="input range"):
        load_audited_model(tmp_path / "good.keras", input_range="0-1")
    with pytest.raises(StillmotionError, match="not a run"):
        load_audited_model(tmp_path)


def test_a_lambda_is_not_loaded_unless_asked(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Lambda(lambda x: x / 255, output_shape=(SIDE, SIDE, 3))(inputs)
    keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x))).save(tmp_path / "code.keras")
    with pytest.raises(StillmotionError, match="give `unsafe`"):
        load_audited_model(tmp_path / "code.keras")
    assert load_audited_model(tmp_path / "code.keras", unsafe=True).size == (SIDE, SIDE)


def test_a_custom_layer_is_named_and_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_layers.py").write_text(
        "import keras\nclass Own(keras.layers.Layer):\n    def call(self, x):\n        return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from own_layers import Own  # type: ignore[import-not-found]

    inputs = keras.Input((SIDE, SIDE, 3))
    keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(Own()(inputs)))).save(
        tmp_path / "own.keras"
    )
    monkeypatch.delitem(__import__("sys").modules, "own_layers")
    with pytest.raises(StillmotionError, match=r"'Own'.*`custom_objects`"):
        load_audited_model(tmp_path / "own.keras")
    audited = load_audited_model(tmp_path / "own.keras", custom_objects="own_layers")
    assert audited.labels == ("class 0", "class 1", "class 2")
    assert failed_checks(audited, random_inputs(4, SIDE, SIDE, 3)) == {}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is TensorFlow's")
def test_a_saved_model_is_run_only_if_asked(tmp_path: Path) -> None:
    color_model().export(tmp_path / "exported", verbose=False)
    videos = write_disc_videos(tmp_path, 1)
    with pytest.raises(StillmotionError, match=r"a SavedModel is a program .* if you trust its author, give `unsafe`"):
        audit_model(tmp_path / "exported", videos, input_range="0..255", sensitivity=False)
    result = audit_model(tmp_path / "exported", videos, input_range="0..255", unsafe=True, sensitivity=False)
    assert result.model.kind == "image"
    assert all(check.passed for check in result.consistency)


def test_a_users_module_is_imported_from_the_working_folder_which_does_not_stay_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "readers_of_this_test.py").write_text("def read(path):\n    yield 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    before = list(sys.path)
    assert FrameReader("readers_of_this_test:read").name == "readers_of_this_test:read"
    assert sys.path == before
    with pytest.raises(UsageError, match=r"cannot be imported \(ModuleNotFoundError"):
        FrameReader("no_such_module_of_this_test:read")
    assert sys.path == before


def test_a_users_module_may_be_a_file_with_others_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "of mine"
    folder.mkdir()
    (folder / "reader_of_this_file.py").write_text(
        "from beside_this_file import ONE\n\ndef read(path):\n    yield ONE\n"
    )
    (folder / "beside_this_file.py").write_text("ONE = 1\n")
    before = list(sys.path)
    assert FrameReader(f"{folder}/reader_of_this_file.py:read").name.endswith("reader_of_this_file.py:read")
    assert sys.path == before
    with pytest.raises(UsageError, match=r"missing.py: cannot be imported \(FileNotFoundError: no such file\)"):
        FrameReader(f"{folder}/missing.py:read")


def test_a_module_whose_error_has_no_message_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raises_in_this_test.py").write_text("raise ValueError\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"cannot be imported \(ValueError\)"):
        FrameReader("raises_in_this_test:read")


def test_a_frame_reader_that_exits_is_one_that_fails(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        sys.exit(3)

    with pytest.raises(StillmotionError, match=r"read on .*a\.mp4, after 0 frames: raised SystemExit: 3"):
        list(FrameReader(read).read(tmp_path / "a.mp4", 16, 16))  # type: ignore[arg-type]


def test_a_model_of_its_own_class_is_judged_by_its_calls(tmp_path: Path) -> None:
    """It has no configuration to read, and its own test_step, which fails, is named and not hidden."""

    class OwnModel(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.dense = layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax")

        def call(self, pictures):  # type: ignore[no-untyped-def]
            return self.dense(self.pool(pictures))

        def get_config(self):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        def test_step(self, *_):  # type: ignore[no-untyped-def]
            raise ValueError("wants masks")

    model = OwnModel()
    pictures = 255 * random_inputs(4, SIDE, SIDE, 3)
    model(pictures)
    audited = dataclasses.replace(saved(tmp_path, color_model()), model=model)
    checks = {check.check: check for check in check_model(audited, pictures)}
    assert "inference_mode" not in checks
    assert not checks["evaluate_agrees"].passed
    assert "evaluate fails (wants masks" in checks["evaluate_agrees"].fix
