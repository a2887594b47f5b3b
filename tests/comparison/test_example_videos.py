from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from helpers.predictions import predictions, write_run
from stillmotion.comparison import compare, gather_examples
from stillmotion.runs import Run, read_run


def run(folder: Path, right: list[bool], family: str) -> Run:
    return read_run(write_run(folder, predictions(right), family))


def predict_over_time(run: Run, videos: list[str]) -> None:
    rows = [
        {"video": video, "seconds": second, "prob_a": 0.2 + second / 2, "prob_b": 0.8 - second / 2}
        for video in videos
        for second in (1.0, 0.0)
    ]
    pq.write_table(pa.Table.from_pylist(rows), run.over_time_file)


def test_what_each_family_answers_in_the_end_and_through_time(tmp_path: Path) -> None:
    still, motion = run(tmp_path / "s", [False] * 6, "frame_pool"), run(tmp_path / "m", [True] * 6, "conv3d")
    names = [video.name for video in motion.record.data.videos]
    before = compare([still, motion]).videos
    assert len(before) == 6
    assert not any(one.courses for one in before)
    predict_over_time(motion, names[:4])
    shown = gather_examples([still, motion], ("frame_pool", "conv3d"))
    assert {one.video.name for one in shown} == set(names[:4])
    assert all(one.reason == "Only motion is right" for one in shown)
    assert all(one.answers["conv3d"].right and not one.answers["frame_pool"].right for one in shown)
    course = shown[0].courses["conv3d"]
    assert course.seconds == (0.0, 1.0)
    assert course.answers == ("b", "a")
    assert course.highest == (0.8, 0.7)
    assert course.probabilities["a"] == (0.2, 0.7)


def test_how_trainings_went(tmp_path: Path) -> None:
    found = run(tmp_path / "run", [True, False, True, True], "conv3d")
    found.history_file.write_text("epoch,accuracy,val_accuracy\n1,0.5,0.25\n2,0.75,0.5\n")
    figures = compare([found]).families["conv3d"].figures
    (training,) = figures["trainings"]
    assert training["accuracy"] == 0.75
    assert training["curves"] == {"accuracy": [0.5, 0.75], "val_accuracy": [0.25, 0.5]}
    assert training["recipe"]["family"] == "conv3d"
    assert figures["accuracies"] == [0.75]
    assert sum(map(sum, figures["confusion"])) == 4
    found.history_file.write_text("epoch,accuracy\n1,no number\n")
    assert compare([found]).families["conv3d"].figures["trainings"][0]["curves"] == {}
