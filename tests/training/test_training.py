"""Recipe in, run out; interrupted or not, the same run; and a model that needs Keras alone."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest

import stillmotion as sm
from stillmotion.data import Video, Videos
from stillmotion.errors import StillmotionError, UsageError

pytestmark = pytest.mark.backend
SPEC = sm.ClipSpec(frames=4, size=16)


def train(parts, out, *, epochs=3, family="cnn_rnn", **settings):
    return sm.train(family, parts[0], parts[1], spec=SPEC, out=out, epochs=epochs, batch_size=8, **settings)


@pytest.fixture
def parts(moving):
    return sm.split(sm.read_videos(moving), (0.6, 0.2, 0.2))


def history(run):
    return [line.rsplit(",", 1)[0] for line in run.history_file.read_text().splitlines()]


def test_interrupted_goes_on_to_the_same_end(parts, tmp_path):
    whole = train(parts, tmp_path / "whole")

    def stop(stage, done, total, figures=None):
        if figures and figures.get("epoch") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parts, tmp_path / "broken", progress=stop)
    with pytest.raises(StillmotionError, match="not a run"):
        sm.read_run(tmp_path / "broken")
    assert history(train(parts, tmp_path / "broken")) == history(whole)
    # Again: the finished run. Other settings: refused, or deleted on demand.
    assert train(parts, tmp_path / "whole").record == whole.record
    with pytest.raises(StillmotionError, match="other settings"):
        train(parts, tmp_path / "whole", epochs=1)
    assert train(parts, tmp_path / "whole", epochs=1, overwrite=True).record.training.epochs == 1
    kept = (tmp_path / "whole" / "model.keras").stat().st_mtime_ns
    train(parts, tmp_path / "whole", epochs=1, overwrite=True)  # not another: nothing is deleted
    assert (tmp_path / "whole" / "model.keras").stat().st_mtime_ns == kept


def test_a_still_run_tested_saved_and_loaded_with_keras_alone(parts, tmp_path, moving):
    run = sm.evaluate(train(parts, tmp_path / "run", family="frame_pool", epochs=1), parts[2])
    rows = pq.read_table(run.predictions_file).to_pylist()
    assert {row["video"] for row in rows} == {video.path for video in parts[2]}
    assert set(rows[0]) == {
        "video", "label", "group", "window", "start_seconds", "end_seconds", "prob_left", "prob_right",
    }  # fmt: skip
    assert sm.read_run(run.folder) == run
    (run.folder / ".lock").unlink()
    assert train(parts, tmp_path / "run", family="frame_pool", epochs=1).record.recipe == run.record.recipe
    assert not (run.folder / ".lock").exists()  # a finished run may lie where nothing can be written
    moved = shutil.copytree(moving, tmp_path / "moved")
    tested = sm.evaluate(run, sm.split(sm.read_videos(moved), (0.6, 0.2, 0.2))[2])
    assert tested.record.data.part("test").root == moved
    assert run.record.cost and run.record.cost.parameters > 0

    sm.predict_over_time(run, parts[2].only(parts[2][:1]))
    assert len(pq.read_table(run.over_time_file)) == SPEC.frames

    clip = np.random.default_rng(0).integers(0, 255, (1, 4, 16, 16, 3), dtype=np.uint8)
    np.save(tmp_path / "clip.npy", clip)
    code = (
        "import sys; sys.modules['stillmotion'] = None\n"
        "import keras, numpy as np\n"
        f"clip = np.load({str(tmp_path / 'clip.npy')!r})\n"
        f"m = keras.saving.load_model({str(run.model_file)!r})\n"
        f"s = keras.saving.load_model({str(run.folder / 'snapshot.keras')!r})\n"
        "np.savez(sys.argv[1], clip=m.predict_on_batch(clip), still=s.predict_on_batch(clip[:, 0]))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.npz")], check=True, timeout=120)
    import keras

    alone = np.load(tmp_path / "out.npz")
    here = keras.saving.load_model(run.model_file).predict_on_batch(clip)
    assert np.allclose(alone["clip"], here, atol=1e-5)
    held = keras.saving.load_model(run.model_file).predict_on_batch(np.repeat(clip[:, :1], 4, axis=1))
    assert np.allclose(alone["still"], held, atol=1e-5)

    (tmp_path / "broken.mp4").write_text("no")
    wanted = Videos(tmp_path, (Video("broken.mp4"), *(Video(f"moving/{v.path}") for v in parts[2][:1])))
    bad, good = sm.predict(run, wanted)
    assert isinstance(bad, sm.SkippedVideo) and "broken.mp4" in bad.reason
    assert isinstance(good, sm.VideoPrediction) and good.label in ("left", "right")
    assert good.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_wrong_setting_is_named():
    with pytest.raises(UsageError, match="no setting 'speed'"):
        sm.make_recipe("conv3d", speed=3)
    with pytest.raises(UsageError, match="epochs is 0"):
        sm.make_recipe("conv3d", epochs=0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's registry of gradients")
def test_the_graphs_of_a_training_are_let_go(parts, tmp_path):
    from tensorflow.python.framework.func_graph import FuncGraph

    def graphs():
        keras.utils.clear_session()
        gc.collect()
        return sum(isinstance(one, FuncGraph) and one.name == "one_step_on_data" for one in gc.get_objects())

    before = graphs()
    train(parts, tmp_path / "run", epochs=1)
    assert graphs() <= before
