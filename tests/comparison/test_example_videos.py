from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from helpers.predictions import predictions, write_run
from stillmotion.comparison import compare_runs, gather_examples
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


def test_examples_have_each_familys_prediction_for_the_video_and_over_time(tmp_path: Path) -> None:
    still, motion = run(tmp_path / "s", [False] * 6, "frame_pool"), run(tmp_path / "m", [True] * 6, "conv3d")
    names = [video.name for video in motion.record.data.videos]
    before = compare_runs([still, motion]).examples
    assert len(before) == 6
    assert not any(example.traces for example in before)
    predict_over_time(motion, names[:4])
    shown = gather_examples([still, motion], ("frame_pool", "conv3d"))
    assert {example.video.name for example in shown} == set(names[:4])
    assert all(example.reason == "only_motion_right" for example in shown)
    assert all(
        example.predictions["conv3d"].correct and not example.predictions["frame_pool"].correct for example in shown
    )
    trace = shown[0].traces["conv3d"]
    assert trace.seconds == (0.0, 1.0)
    assert trace.labels == ("b", "a")
    assert trace.confidence == (0.8, 0.7)
    assert trace.probabilities["a"] == (0.2, 0.7)


def test_how_trainings_went(tmp_path: Path) -> None:
    evaluated = run(tmp_path / "run", [True, False, True, True], "conv3d")
    evaluated.history_file.write_text("epoch,accuracy,val_accuracy\n1,0.5,0.25\n2,0.75,0.5\n")
    result = compare_runs([evaluated]).models["conv3d"]
    (training,) = result.trainings
    assert training.accuracy == 0.75
    assert training.curves is not None
    assert (training.curves.train, training.curves.validation) == ((0.5, 0.75), (0.25, 0.5))
    assert training.recipe.family == "conv3d"
    assert result.accuracies == (0.75,)
    assert sum(map(sum, result.confusion)) == 4
    evaluated.history_file.write_text("epoch,accuracy\n1,no number\n")
    assert compare_runs([evaluated]).models["conv3d"].trainings[0].curves is None


def test_only_the_most_probable_labels_are_traced(tmp_path: Path) -> None:
    """The true label, and the five with the highest probability at any time."""
    labels = tuple("abcdefgh")
    still, motion = (
        read_run(write_run(tmp_path / family, predictions([right] * 8, labels=labels), family))
        for family, right in (("frame_pool", False), ("conv3d", True))
    )
    shares = [0.0, 0.05, 0.06, 0.3, 0.07, 0.31, 0.08, 0.13]
    rows = [
        {"video": "0000.mp4", "seconds": 0.0} | {f"prob_{label}": p for label, p in zip(labels, shares, strict=True)}
    ]
    pq.write_table(pa.Table.from_pylist(rows), motion.over_time_file)
    (shown,) = gather_examples([still, motion], ("frame_pool", "conv3d"))
    assert list(shown.traces["conv3d"].probabilities) == ["a", "f", "d", "h", "g", "e"]
