"""Archives predicted with real models, in worker processes: the same rows as `predict` gives."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow.dataset as ds
import pytest

import stillmotion as sm
from helpers.media import noise, write_video
from helpers.streams import write_light_model
from helpers.training import write_untrained_run
from stillmotion.archive import models
from stillmotion.archive.models import prepare_model
from stillmotion.clips.appearance import PARTS
from stillmotion.models.card_files import card_file
from stillmotion.prediction import prediction_rows
from stillmotion.runs import make_memory, write_memory

pytestmark = pytest.mark.backend


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Videos of one to five windows, and one that is none."""
    for number in range(9):
        write_video(tmp_path / "clips" / f"{number}.mp4", noise(4 + 2 * number, 16, 16, seed=number))
    (tmp_path / "clips" / "x.mp4").write_text("no video")
    return tmp_path / "clips"


def rows_by_place(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["video"], row["window"]): {name: row[name] for name in row if name != "key"} for row in rows}


def assert_as_predicted(out: Path, model: Any, clips: Path) -> None:
    table = ds.dataset(out / "predictions", format="parquet").to_table()
    rows = rows_by_place(table.to_pylist())
    assert len(rows) == table.num_rows
    results = [result for result in sm.predict(model, clips) if isinstance(result, sm.VideoPrediction)]
    expected = rows_by_place(prediction_rows(results))
    assert len(results) == 9 and rows.keys() == expected.keys()
    for place, row in rows.items():
        assert list(row) == list(expected[place])
        numbers = [name for name, cell in row.items() if isinstance(cell, float)]
        assert [row[name] for name in numbers] == pytest.approx([expected[place][name] for name in numbers], abs=1e-5)
        assert {n: row[n] for n in row if n not in numbers} == {n: expected[place][n] for n in row if n not in numbers}


def test_an_archive_gets_the_rows_of_predict(tmp_path: Path, clips: Path) -> None:
    run = write_untrained_run(tmp_path / "run", "frame_pool", sm.ClipSpec(frames=4, rate=10, size=16), ("a", "b"))
    result = sm.predict_archive(run, clips, tmp_path / "out", on="processes:1")
    assert (result.files, result.predicted, [failure.cause for failure in result.failures]) == (10, 9, ["unreadable"])
    assert_as_predicted(tmp_path / "out", run, clips)
    model = keras.models.load_model(run.model_file)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    model.save(run.model_file)
    with pytest.raises(sm.UsageError, match="holds predictions of another model, run, or of this one as it was before"):
        sm.predict_archive(run, clips, tmp_path / "out")


def test_so_does_one_with_somebody_elses_model_and_facts_that_were_given(tmp_path: Path, clips: Path) -> None:
    """The workers are told all that is known of it: there is no card beside the model."""
    file = write_light_model(tmp_path / "model.keras")
    card_file(file).unlink()
    model = sm.load_clip_model(file, rate=10.0, labels=["dark", "light"], channels="bgr")
    result = sm.predict_archive(model, clips, tmp_path / "out", on="processes:1")
    assert (result.files, result.predicted) == (10, 9)
    assert_as_predicted(tmp_path / "out", model, clips)


def test_a_model_that_is_known_by_how_it_is_fed_is_another_one_when_that_changes(tmp_path: Path) -> None:
    file = write_light_model(tmp_path / "model.keras")
    first, same, other = (prepare_model(sm.load_clip_model(file, rate=rate)) for rate in (10.0, 10.0, 5.0))
    assert first.identity == same.identity != other.identity


def test_a_worker_refuses_another_model_than_the_one_that_was_prepared(tmp_path: Path) -> None:
    run = write_untrained_run(tmp_path / "run", "frame_pool", sm.ClipSpec(frames=4, rate=10, size=16), ("a", "b"))
    prepared = prepare_model(run)
    assert pickle.loads(prepared.pickled).model.name == "run"
    model = keras.models.load_model(run.model_file)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    model.save(run.model_file)
    with pytest.raises(sm.StillmotionError, match="is not the one that the work began with"):
        pickle.loads(prepared.pickled)


def test_a_model_is_known_by_all_its_files(tmp_path: Path) -> None:
    """What a run remembers decides what is unlike training; an ONNX model may have its weights in a file beside it."""
    run = write_untrained_run(tmp_path / "run", "frame_pool", sm.ClipSpec(frames=4, rate=10, size=16), ("a", "b"))
    identities = [prepare_model(run).identity]
    appearances = np.random.default_rng(0).random((20, sum(PARTS.values()))).astype(np.float32)
    memory = make_memory(list(appearances), [str(number) for number in range(20)])
    assert memory is not None
    for threshold in (1.0, 2.0):
        write_memory(replace(memory, threshold=threshold), run)
        identities.append(prepare_model(run).identity)
    assert len(set(identities)) == 3

    onnx = pytest.importorskip("onnx")
    weights = onnx.numpy_helper.from_array(np.ones(4, np.float32), "w")
    graph = onnx.helper.make_graph([], "g", [], [], [weights])
    onnx.save(
        onnx.helper.make_model(graph),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    assert models._external_files(tmp_path / "m.onnx") == [tmp_path / "w.bin"]
    assert (tmp_path / "w.bin").exists()


def test_workers_are_told_what_was_measured(tmp_path: Path) -> None:
    """With snapshots, which they do not have. Here the fact is given, and then forgotten but for the card."""
    clip = keras.Input((4, 16, 16, 3))
    level = keras.layers.GlobalAveragePooling3D()(keras.layers.BatchNormalization()(clip))
    file = tmp_path / "model.keras"
    keras.Model(clip, keras.layers.Dense(2, activation="softmax")(level)).save(file)
    model = sm.load_clip_model(file, rate=10.0, labels=["a", "b"], channels="rgb", input_range="-3..5")
    assert model.facts is not None
    measured = replace(model, facts=replace(model.facts, input_range=None))
    loaded = pickle.loads(prepare_model(measured).pickled).model
    assert loaded.described.card.input_range.value == "-3..5"


def test_a_model_in_memory_is_refused(tmp_path: Path, clips: Path) -> None:
    model: Any = keras.Sequential([keras.Input((4, 16, 16, 3)), keras.layers.GlobalAveragePooling3D()])
    with pytest.raises(sm.UsageError, match="in memory only, and workers load it from its file; save it"):
        prepare_model(
            sm.load_clip_model(
                model, rate=10.0, labels=["a", "b", "c"], input_range="0..1", channels="rgb", outputs="softmax"
            )
        )
