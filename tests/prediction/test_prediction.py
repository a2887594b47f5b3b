"""One small trained run: whatever is given to it is answered or left out, and its model answers as Keras alone does."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import stillmotion as sm
from helpers.media import noise, write_video
from stillmotion.cli import evaluate as evaluating
from stillmotion.clips import read_clips
from stillmotion.data import Video, Videos, read_videos, split
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import folder_lock
from stillmotion.prediction import evaluate, find_inputs, predict, predict_over_time, prediction_rows, write_rows
from stillmotion.prediction.videos import VideoPrediction
from stillmotion.runs import Run

pytestmark = pytest.mark.backend
SPEC = sm.ClipSpec(frames=4, size=16)


def history(run: Run) -> list[list[str]]:
    with run.history_file.open() as file:
        return [[cell for name, cell in row.items() if name != "seconds"] for row in csv.DictReader(file)]


def test_a_motion_run_from_videos_to_answers(
    moving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One training, for each costs seconds."""
    learn, check, test = split(read_videos(moving), (0.6, 0.2, 0.2))
    options = {"spec": SPEC, "epochs": 2, "batch_size": 8}
    run = sm.train("conv3d", learn, check, out=tmp_path / "run", **options)

    # The same seed, the same history.
    assert history(sm.train("conv3d", learn, check, out=tmp_path / "again", **options)) == history(run)

    # The saved model, in a process without stillmotion, gives the probabilities of predictions.parquet.
    evaluate(run, test)
    rows = pq.read_table(run.predictions_file).to_pylist()
    files = {video.name: test.file(video) for video in test}
    clips = [read_clips(files[r["video"]], [(r["start_seconds"], r["end_seconds"])], SPEC)[0] for r in rows]
    np.save(tmp_path / "clips.npy", np.stack(clips))
    code = (
        "import sys; sys.modules['stillmotion'] = None\n"
        "import keras, numpy as np\n"
        "model = keras.saving.load_model(sys.argv[1], safe_mode=True)\n"
        "np.save(sys.argv[3], model.predict_on_batch(np.load(sys.argv[2])))\n"
    )
    names = [str(run.model_file), str(tmp_path / "clips.npy"), str(tmp_path / "alone.npy")]
    subprocess.run([sys.executable, "-c", code, *names], check=True, timeout=120)
    recorded = [[row["prob_left"], row["prob_right"]] for row in rows]
    assert np.load(tmp_path / "alone.npy") == pytest.approx(np.array(recorded), abs=1e-4)

    # Through time, the last moment has seen all that the video's answer has.
    predict_over_time(run, test)
    moments = pq.read_table(run.over_time_file).to_pylist()
    assert set(moments[0]) == {"video", "seconds", "prob_left", "prob_right"}
    last = {row["video"]: row["prob_left"] for row in moments}
    assert last == {row["video"]: pytest.approx(row["prob_left"], abs=1e-4) for row in rows}

    # A picture, a video and a broken file, in order.
    Image.fromarray(noise(1)[0]).save(tmp_path / "still.png")
    write_video(tmp_path / "film.mp4", noise(9))
    (tmp_path / "broken.mp4").write_text("no video")
    names = [str(tmp_path / name) for name in ("still.png", "broken.mp4", "film.mp4")]
    still, broken, film = predict(run, find_inputs(names))
    assert isinstance(still, VideoPrediction) and still.windows == ((0.0, 0.0),)
    assert isinstance(broken, sm.SkippedVideo) and "broken.mp4" in broken.reason
    assert isinstance(film, VideoPrediction) and film.probabilities.shape == (2,)

    # Other videos are tested without a trace in the run; the run's own leave their record.
    recorded = {path.name: path.read_bytes() for path in (run.predictions_file, run.folder / "run.json")}
    other = tmp_path / "other"
    for label in ("left", "right"):
        write_video(other / label / "film.mp4", noise(9))
    monkeypatch.setattr(evaluating, "load_backend", lambda: None)
    evaluating.evaluate(run.folder, other)
    assert recorded == {name: (run.folder / name).read_bytes() for name in recorded}
    assert "recall of left" in capsys.readouterr().out

    # Another process is at work in the run's folder.
    longer = {**options, "epochs": 3}
    for work in (lambda: evaluate(run, test), lambda: sm.train("conv3d", learn, check, out=run.folder, **longer)):
        with folder_lock(run.folder), pytest.raises(StillmotionError, match="another stillmotion process is using"):
            work()

    # What the run cannot be tested on.
    with pytest.raises(StillmotionError, match="the label 'up'"):
        evaluate(run, Videos(tmp_path, (Video("film.mp4", "up"),)))
    with pytest.raises(StillmotionError, match="no readable video"):
        evaluate(run, Videos(tmp_path, (Video("broken.mp4", "left"),)))


ANSWER = VideoPrediction(
    Video("a.mp4"), ((0.0, 1.0), (1.0, 2.0)), np.array([[0.9, 0.1], [0.3, 0.7]], np.float32), ("x", "y 🎉")
)


def test_a_videos_answer_is_the_mean_of_its_windows() -> None:
    assert (ANSWER.label, ANSWER.probability) == ("x", pytest.approx(0.6))
    rows = prediction_rows([ANSWER])
    assert [(row["window"], row["label"], row["start_seconds"], row["end_seconds"]) for row in rows] == [
        ("0", "x", 0.0, 1.0), ("1", "y 🎉", 1.0, 2.0), ("all", "x", 0.0, 2.0),
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [prediction_rows([ANSWER]), []])
def test_every_form_of_table_can_be_written(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    for ending in (".csv", ".jsonl", ".parquet"):
        write_rows(rows, tmp_path / f"t{ending}")
    assert [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()] == rows
    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == rows
    with (tmp_path / "t.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    with pytest.raises(UsageError, match=r"\.csv, \.jsonl, \.parquet"):
        write_rows(rows, tmp_path / "t.xlsx")


def test_inputs_in_any_mixture(tmp_path: Path) -> None:
    for name in ("clips/b.mp4", "clips/a.png", "c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "t.csv").write_text("path,start_seconds\nc.mp4,1\n")
    found = find_inputs([tmp_path / "t.csv", tmp_path / "clips"])
    assert [(Path(v.path).name, v.start_seconds) for v in found] == [("c.mp4", 1.0), ("a.png", None), ("b.mp4", None)]
    assert [found.file(v).exists() for v in found] == [True] * 3
    with pytest.raises(UsageError, match="no such file"):
        find_inputs([tmp_path / "none.mp4"])
