"""Archives: every file once, whatever dies; what is done is found again."""

from __future__ import annotations

import errno
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.archives import (
    TextPredictor,
    WorkersAtOnce,
    expected_predictions,
    predict_texts,
    predicted,
    read_predictions,
    write_archive,
)
from stillmotion.archive import dispatching, list_archive, predicting, store, worker, workers
from stillmotion.archive.records import ArchiveFile, FileFailure, Outcome
from stillmotion.errors import CancelledError, StillmotionError, UsageError

TEXTS = {f"sub/{number:02}.mp4": "x" * (number + 1) for number in range(40)}


@pytest.fixture
def predictor(tmp_path: Path) -> TextPredictor:
    (tmp_path / "trace").mkdir()
    return TextPredictor(str(tmp_path / "trace"))


def predicted_again(predictor: TextPredictor) -> list[str]:
    """The files that have been predicted since the last call, sorted; those twice that were predicted twice."""
    traces = sorted(Path(predictor.trace).iterdir())
    for trace in traces:
        trace.unlink()
    return [trace.name.partition("-")[0] for trace in traces]


def test_each_file_is_predicted_once_and_found_again(tmp_path: Path, predictor: TextPredictor) -> None:
    """A file that has changed is another one; its old rows go. So is a new one. Nothing else is predicted again."""
    clips, out = write_archive(tmp_path / "clips", TEXTS), tmp_path / "out"
    result = predict_texts(clips, out, "processes:2", predictor)
    assert (result.files, result.predicted, result.before, result.failures) == (40, 40, 0, ())
    assert read_predictions(out) == expected_predictions(TEXTS)
    assert len(predicted_again(predictor)) == 40

    changed = {**TEXTS, "sub/07.mp4": "changed", "new.mp4": "new"}
    write_archive(clips, {name: changed[name] for name in ("sub/07.mp4", "new.mp4")})
    result = predict_texts(clips, out, "processes:1", predictor)
    assert (result.files, result.predicted, result.before) == (41, 41, 39)
    assert read_predictions(out) == expected_predictions(changed)
    assert predicted_again(predictor) == ["07", "new"]

    assert predict_texts(clips, out, "processes:1", predictor).before == 41
    assert predicted_again(predictor) == []


def test_what_has_changed_is_told_by_the_place_of_a_file_and_not_by_its_name(
    tmp_path: Path, predictor: TextPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two archives may have files of the same name, and one file may be given by two names."""
    out = tmp_path / "out"
    for archive, text in (("one", "x"), ("two", "xx")):
        write_archive(tmp_path / archive / "clips", {"a.mp4": text})
        monkeypatch.chdir(tmp_path / archive)
        predict_texts(Path("clips"), out, "processes:1", predictor)
    assert [length for _, _, length in read_predictions(out)] == [1.0, 2.0] * 3
    write_archive(tmp_path / "one" / "clips", {"a.mp4": "changed"})
    predict_texts(tmp_path / "one" / "clips", out, "processes:1", predictor)
    assert [length for _, _, length in read_predictions(out)] == [2.0, 7.0] * 3


def test_a_file_that_kills_its_worker_is_not_tried_again_and_no_other_is_blamed(
    tmp_path: Path, predictor: TextPredictor
) -> None:
    """It is tried three times alone. What fails otherwise is tried once; neither is tried again by the next call."""
    bad = {"sub/11.mp4": "kill", "sub/12.mp4": "raise", "sub/13.mp4": "broken"}
    clips, out = write_archive(tmp_path / "clips", {**TEXTS, **bad}), tmp_path / "out"
    result = predict_texts(clips, out, "processes:2", predictor)
    assert (result.files, result.predicted) == (40, 37)
    rows = pq.read_table(out / "errors").to_pylist()
    found = {Path(row["video"]).name: (row["cause"], row["reason"].partition(": ")[2]) for row in rows}
    assert found == {
        "11.mp4": ("killed its worker", "killed its worker 3 times (SIGKILL(-9))"),
        "12.mp4": ("error", "ValueError: no such thing"),
        "13.mp4": ("unreadable", "not a readable video"),
    }
    assert len(rows) == 3 and {failure.reason for failure in result.failures} == {row["reason"] for row in rows}
    assert read_predictions(out) == expected_predictions({n: t for n, t in TEXTS.items() if n not in bad})
    assert list(store.ResultStore(out).read_strikes().values()) == [3]  # nobody knows which file of a group it was
    predicted_again(predictor)

    again = predict_texts(clips, out, "processes:1", predictor)
    assert (again.before, again.predicted, len(again.failures)) == (37, 37, 3)
    assert predicted_again(predictor) == []


def test_strikes_are_counted_over_calls(tmp_path: Path, predictor: TextPredictor) -> None:
    """A file that takes this process with it would else be tried forever."""
    clips, out = write_archive(tmp_path / "clips", {"a.mp4": "kill"}), tmp_path / "out"
    cancel = threading.Event()
    results = store.ResultStore(out)
    write = results.write_strikes

    def count(strikes: Mapping[str, int]) -> None:
        write(strikes)
        cancel.set()

    counts: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.ResultStore, "write_strikes", lambda self, strikes: count(strikes))
        for _ in range(2):
            cancel.clear()
            with pytest.raises(CancelledError, match="the same call resumes"):
                predict_texts(clips, out, "processes:1", predictor, cancel=cancel)
            counts += results.read_strikes().values()
    assert counts == [1, 2]
    (failure,) = predict_texts(clips, out, "processes:1", predictor).failures
    assert failure.cause == "killed its worker"
    assert list(results.read_strikes().values()) == [3]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> WorkersAtOnce:
    """Workers of whose kind archives are predicted in the test."""
    source = WorkersAtOnce()
    monkeypatch.setattr(predicting, "workers_on", lambda on, model: source)
    return source


def kill_all(files: Sequence[ArchiveFile]) -> Outcome:
    raise RuntimeError


def kill_by_name(files: Sequence[ArchiveFile]) -> Outcome:
    if any("killer" in file.video.name for file in files):
        raise RuntimeError
    return predicted(files)


KILLERS = {f"killer{number:02}.mp4": "x" for number in range(10)}


def test_ten_files_that_kill_their_workers_one_after_the_other_do_not_end_the_work(
    tmp_path: Path, at_once: WorkersAtOnce
) -> None:
    """The next ten neither, in another call, nor those that come with strikes: a file that can be predicted still is.

    Its rows are not there twice.
    """
    at_once.work, out = kill_by_name, tmp_path / "out"
    more = {f"more{name}": text for name, text in KILLERS.items()}
    for files, new in ((11, {**KILLERS, "good.mp4": "x"}), (21, more)):
        result = predict_texts(write_archive(tmp_path / "clips", new), out, "local", None)
        assert (result.files, result.predicted, len(result.failures)) == (files, 1, files - 1)
        assert {failure.reason.partition(": ")[2] for failure in result.failures} == {
            "killed its worker 3 times (SIGKILL)"
        }
    assert len(pq.read_table(out / "errors")) == 20
    assert read_predictions(out) == [("good.mp4", "all", 1.0)]


@pytest.mark.parametrize("count", [1, 4])
def test_an_archive_that_begins_with_bad_files_is_predicted(tmp_path: Path, at_once: WorkersAtOnce, count: int) -> None:
    """Nothing was predicted before that could show that they are at fault."""
    at_once.work, at_once.count = kill_by_name, count
    texts = {f"a killer{number:02}.mp4": "x" for number in range(20)} | {f"b{number}.mp4": "x" for number in range(10)}
    result = predict_texts(write_archive(tmp_path / "clips", texts), tmp_path / "out", "local", None)
    assert (result.predicted, len(result.failures)) == (10, 20)


def test_ten_files_that_are_lost_are_no_end_while_others_are_at_work(
    tmp_path: Path, at_once: WorkersAtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused comes back sooner than what is predicted."""
    at_once.work, at_once.count = refuse("bad"), 2
    submit = at_once.submit

    def submit_slowly(files: Sequence[ArchiveFile]) -> Future[Outcome]:
        future = submit(files)
        if future.result().table is None:
            return future
        later: Future[Outcome] = Future()
        threading.Timer(0.5, later.set_result, [future.result()]).start()
        return later

    monkeypatch.setattr(at_once, "submit", submit_slowly)
    texts = {f"a{number}.mp4": "x" for number in range(3)} | {f"bad{number:02}.mp4": "x" for number in range(20)}
    result = predict_texts(write_archive(tmp_path / "clips", texts), tmp_path / "out", "local", None)
    assert (result.predicted, len(result.failures)) == (3, 20)


@pytest.mark.parametrize("number", [1, 10])
def test_files_are_not_blamed_if_what_was_predicted_before_cannot_be_any_more(
    tmp_path: Path, at_once: WorkersAtOnce, number: int
) -> None:
    """As when there is no memory, also if it is a single file."""
    write_archive(tmp_path / "clips", {"good.mp4": "x"})
    predict_texts(tmp_path / "clips", tmp_path / "out", "local", None)
    at_once.work = kill_all
    write_archive(tmp_path / "clips", dict(list(KILLERS.items())[:number]))
    for _ in range(2):
        with pytest.raises(StillmotionError, match="files in a row killed their workers"):
            predict_texts(tmp_path / "clips", tmp_path / "out", "local", None)
    assert list((tmp_path / "out" / "errors").iterdir()) == []
    at_once.work = predicted
    assert predict_texts(tmp_path / "clips", tmp_path / "out", "local", None).failures == ()


def test_if_nothing_was_predicted_before_ten_files_in_a_row_end_the_work(
    tmp_path: Path, at_once: WorkersAtOnce
) -> None:
    at_once.work = kill_by_name
    write_archive(tmp_path / "clips", KILLERS)
    with pytest.raises(StillmotionError, match=r"^10 files in a row killed their workers \(SIGKILL\), perhaps"):
        predict_texts(tmp_path / "clips", tmp_path / "out", "local", None)
    assert list((tmp_path / "out" / "errors").iterdir()) == []


def test_a_worker_that_has_died_before_it_gets_files_is_replaced(tmp_path: Path, at_once: WorkersAtOnce) -> None:
    """Its files are not blamed, and none is lost."""
    dead = [True, False, True]  # Once it would get one file, and once several.
    submit = at_once.submit
    ended: list[None] = []

    def submit_or_die(files: Sequence[ArchiveFile]) -> Future[Outcome]:
        if dead and dead.pop():
            raise RuntimeError
        return submit(files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_once, "submit", submit_or_die)
        patch.setattr(at_once, "end", lambda: ended.append(None))
        predict_texts(write_archive(tmp_path / "clips", TEXTS), tmp_path / "out", "local", None)
    assert sorted(name for group in at_once.given for name in group) == sorted(Path(name).name for name in TEXTS)
    assert len(ended) == 3 and not dead
    assert store.ResultStore(tmp_path / "out").read_strikes() == {}


def test_a_group_takes_its_worker_about_half_a_minute_at_most(
    tmp_path: Path, at_once: WorkersAtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as one can tell from the sizes of files, and from the time that others have taken; here, 1 s per byte."""
    seconds = 0.0

    def work(files: Sequence[ArchiveFile]) -> Outcome:
        nonlocal seconds
        seconds += sum(file.bytes for file in files)
        return predicted(files)

    monkeypatch.setattr(dispatching, "time", SimpleNamespace(monotonic=lambda: seconds))
    at_once.work = work
    texts = {f"{number:03}.mp4": "x" * 10 for number in range(40)} | {"long.mp4": "x" * 100}
    predict_texts(write_archive(tmp_path / "clips", texts), tmp_path / "out", "local", None)
    assert [len(group) for group in at_once.given][:4] == [1, 3, 3, 3]
    assert max(len(group) for group in at_once.given) == 3 and ["long.mp4"] in at_once.given


@pytest.mark.parametrize(("limit", "value"), [("FLUSH_FILES", 1), ("FLUSH_SECONDS", 0.0)])
def test_results_are_written_while_the_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    """When they are many or have waited for long, also if no others come."""
    clips, out = write_archive(tmp_path / "clips", {"a.mp4": "x"}), tmp_path / "out"
    parts: list[int] = []

    def outcomes(self: dispatching.Dispatcher) -> Iterator[Outcome | None]:
        for outcome in (predicted(list(self.waiting)), None, None):
            yield outcome
            parts.append(len(list((out / "predictions").iterdir())))
            monkeypatch.setattr(store, limit, value)

    monkeypatch.setattr(dispatching.Dispatcher, "outcomes", outcomes)
    predict_texts(clips, out, "processes:1", None)
    assert parts == [0, 1, 1]


def refuse(names: str) -> Callable[[Sequence[ArchiveFile]], Outcome]:
    """Files with these names are not to be had now."""

    def work(files: Sequence[ArchiveFile]) -> Outcome:
        refused = [file for file in files if names in Path(file.video.name).name]
        outcome = predicted([file for file in files if file not in refused])
        failures = tuple(FileFailure(file.video.name, file.key, "temporary", "refused") for file in refused)
        return replace(outcome, keys=tuple(file.key for file in files), failures=failures)

    return work


def test_files_that_are_refused_are_reported_and_tried_again_by_the_next_call(
    tmp_path: Path, at_once: WorkersAtOnce
) -> None:
    at_once.work, out = refuse("bad"), tmp_path / "out"
    clips = write_archive(
        tmp_path / "clips", {"good.mp4": "x", **{f"xbad{number:02}.mp4": "x" for number in range(30)}}
    )
    result = predict_texts(clips, out, "local", None)
    assert (result.predicted, [failure.reason for failure in result.failures]) == (1, ["refused"] * 30)
    assert list((out / "errors").iterdir()) == []
    at_once.work = predicted
    assert predict_texts(clips, out, "local", None).predicted == 31
    assert len(read_predictions(out)) == 31


@pytest.mark.parametrize("before", [True, False])
def test_if_nothing_is_to_be_had_any_more_one_line_says_so(
    tmp_path: Path, at_once: WorkersAtOnce, before: bool
) -> None:
    """As when a network share is gone. The same call goes on."""
    clips, out = write_archive(tmp_path / "clips", {"good.mp4": "x"}), tmp_path / "out"
    if before:
        predict_texts(clips, out, "local", None)
    at_once.work = refuse("")
    write_archive(clips, {f"{number:03}.mp4": "x" for number in range(400)})
    with pytest.raises(StillmotionError, match=r"files in a row could not be predicted \(refused\); the same"):
        predict_texts(clips, out, "local", None)
    assert len(at_once.given) < 20 and list((out / "errors").iterdir()) == []


def test_what_may_be_over_soon_is_told_from_what_is_wrong_with_a_file(
    tmp_path: Path, predictor: TextPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is gone may come back, and there may be more memory."""
    monkeypatch.setattr(worker, "limit_threads", lambda threads: None)
    texts = {"a.mp4": "broken", "b.mp4": "raise", "c.mp4": "memory", "d.mp4": "x", "e.mp4": "x"}
    files = list_archive(write_archive(tmp_path / "clips", texts))
    (tmp_path / "clips" / "e.mp4").unlink()
    failures = worker.ArchivePredictor(pickle.dumps(predictor), 1).predict(files).failures
    causes = {Path(failure.video).name: failure.cause for failure in failures}
    assert causes == {"a.mp4": "unreadable", "b.mp4": "error", "c.mp4": "temporary", "e.mp4": "temporary"}


class Unloadable(TextPredictor):
    """It kills the process that loads it."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os._exit, (1,)


def test_workers_that_cannot_start_end_the_work_in_one_line(tmp_path: Path, predictor: TextPredictor) -> None:
    clips = write_archive(tmp_path / "clips", {"a.mp4": "x"})
    with pytest.raises(StillmotionError, match="workers die while they load the model"):
        predict_texts(clips, tmp_path / "out", "processes:1", Unloadable(predictor.trace))


def test_a_process_that_takes_the_place_of_another_one_loads_the_model(
    tmp_path: Path, predictor: TextPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loky replaces processes whose memory grows; here, one is asked for its number and not to load the model."""
    monkeypatch.setattr(workers, "load_model", os.getpid)
    clips = write_archive(tmp_path / "clips", {"a.mp4": "x"})
    worker = workers.ProcessWorker(pickle.dumps(predictor), 1)
    try:
        outcome = worker.submit(list_archive(clips)).result()
    finally:
        worker.end()
    assert outcome.table is not None and outcome.table.num_rows == 3


def test_what_is_done_is_kept_when_the_work_is_canceled(tmp_path: Path, predictor: TextPredictor) -> None:
    clips, out = write_archive(tmp_path / "clips", TEXTS), tmp_path / "out"
    cancel = threading.Event()

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        assert total == 40
        if done:
            assert figures["files_per_second"] > 0
            cancel.set()

    with pytest.raises(CancelledError):
        predict_texts(clips, out, "processes:1", predictor, progress=progress, cancel=cancel)
    kept = {name for name, *_ in read_predictions(out)}
    assert 0 < len(kept) < 40
    predicted_again(predictor)
    result = predict_texts(clips, out, "processes:1", predictor)
    assert result.before == len(kept)
    assert not kept & {f"{name}.mp4" for name in predicted_again(predictor)}
    assert read_predictions(out) == expected_predictions(TEXTS)


def test_a_result_that_comes_with_the_cancellation_is_kept(
    tmp_path: Path, predictor: TextPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, out, cancel = write_archive(tmp_path / "clips", {"a.mp4": "x"}), tmp_path / "out", threading.Event()
    row = {"video": "a.mp4", "window": "all", "length": 1.0, "key": "k"}

    def outcomes(self: dispatching.Dispatcher) -> Iterator[Outcome]:
        cancel.set()
        yield Outcome(("k",), pa.Table.from_pylist([row]))

    monkeypatch.setattr(dispatching.Dispatcher, "outcomes", outcomes)
    with pytest.raises(CancelledError):
        predict_texts(clips, out, "processes:1", predictor, cancel=cancel)
    assert read_predictions(out) == [("a.mp4", "all", 1.0)]


def test_a_folder_belongs_to_one_model(tmp_path: Path, predictor: TextPredictor) -> None:
    clips, out = write_archive(tmp_path / "clips", {"a.mp4": "x"}), tmp_path / "out"
    predict_texts(clips, out, "processes:1", predictor)
    with pytest.raises(UsageError, match="holds predictions of another model, texts"):
        store.ResultStore(out).check_model("other", "1")


def test_a_part_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full ends the work in one line; when there is room again, nothing is missing."""
    results = store.ResultStore(tmp_path / "out")
    rows = [{"video": "a.mp4", "window": "all", "length": 1.0, "key": "k"}]

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with results.locked():
        results.add(Outcome(("k",), pa.Table.from_pylist(rows)))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", fail)
            with pytest.raises(StillmotionError, match="cannot be written"):
                results.flush()
        assert list((tmp_path / "out" / "predictions").iterdir()) == []
        assert results.read_done() == set()
        (tmp_path / "out" / "predictions" / ".part-x.parquet").write_text("what a run that was killed has left")
        results.flush()
        assert results.read_done() == {"k"}
        with pytest.raises(StillmotionError, match="another stillmotion process is using this folder"):
            store.ResultStore(tmp_path / "out").locked().__enter__()
    assert read_predictions(tmp_path / "out") == [("a.mp4", "all", 1.0)]
    with results.locked():
        assert len(list((tmp_path / "out" / "predictions").iterdir())) == 1


def test_unfinished_files_of_others_stay(tmp_path: Path) -> None:
    """The folder may hold other folders, which other processes write to."""
    others = tmp_path / "out" / "run" / ".part-model.keras"
    others.parent.mkdir(parents=True)
    others.touch()
    own = [tmp_path / "out" / folder / ".part-x" for folder in (".", "predictions", "errors")]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with store.ResultStore(tmp_path / "out").locked():
        assert others.exists() and not any(path.exists() for path in own)


def test_a_part_whose_writing_failed_late_is_not_there_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store may write a part, and then fail to say so."""
    results = store.ResultStore(tmp_path / "out")
    write, failing = results._write, [True, True]

    def write_and_fail(name: str, content: pa.Buffer) -> None:
        write(name, content)
        if failing and failing.pop():
            raise StillmotionError("no answer")

    monkeypatch.setattr(results, "_write", write_and_fail)
    failure = FileFailure("b.mp4", "l", "unreadable", "no video")
    with results.locked():
        results.add(Outcome(("k",), pa.table({"video": ["a.mp4"], "window": ["all"], "length": [1.0], "key": ["k"]})))
        with pytest.raises(StillmotionError):
            results.flush()
        results.add(Outcome(("l",), None, (failure,)))
        with pytest.raises(StillmotionError):
            results.flush()
    assert read_predictions(tmp_path / "out") == [("a.mp4", "all", 1.0)]
    assert [row["key"] for row in pq.read_table(tmp_path / "out" / "errors").to_pylist()] == ["l"]


def test_a_damaged_part_is_named(tmp_path: Path, predictor: TextPredictor) -> None:
    clips, out = write_archive(tmp_path / "clips", {"a.mp4": "x"}), tmp_path / "out"
    predict_texts(clips, out, "processes:1", predictor)
    (part,) = (out / "predictions").iterdir()
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(StillmotionError, match=rf"{part.name}: not a readable part .*; delete it"):
        predict_texts(clips, out, "processes:1", predictor)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_predicts_each_file_once_and_gives_up_what_kills_its_actors(
    tmp_path: Path, predictor: TextPredictor
) -> None:
    """Relative paths mean the same there."""
    pytest.importorskip("ray")
    bad = {"sub/11.mp4": "kill", "sub/13.mp4": "broken"}
    write_archive(tmp_path / "clips", {**TEXTS, **bad})
    with pytest.MonkeyPatch.context() as patch:
        helpers = str(Path(__file__).parents[1])
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [helpers, os.environ.get("PYTHONPATH")])))
        patch.chdir(tmp_path)
        result = predict_texts(Path("clips"), Path("out"), "ray", predictor)
    assert (result.files, result.predicted) == (40, 38)
    assert [failure.cause for failure in result.failures if "11.mp4" in failure.video] == ["killed its worker"]
    assert read_predictions(tmp_path / "out") == expected_predictions({n: t for n, t in TEXTS.items() if n not in bad})
