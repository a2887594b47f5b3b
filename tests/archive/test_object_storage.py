"""Archives in object storage: a local S3 server, and a store of fsspec's."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from pyarrow import fs

import stillmotion as sm
from helpers.archives import TextPredictor, expected_predictions, predict_texts, read_rows, write_archive
from stillmotion.archive import ResultStore, list_archive, worker
from stillmotion.archive.addresses import open_store, split_address
from stillmotion.archive.records import ArchiveFile
from stillmotion.data import Video

TEXTS = {"a.mp4": "one", "sub/b c#1.mp4": "three", "sub/c.mp4": "broken"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The options of addresses of a server that has a bucket `bucket`."""
    program = os.environ.get("STILLMOTION_S3_SERVER")
    if program is None:
        pytest.skip("STILLMOTION_S3_SERVER names no program; moto_server is one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    options = f"?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        patch = pytest.MonkeyPatch()
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        open_store(f"s3://bucket{options}&allow_bucket_creation=true").create_dir("bucket")
        yield options
        patch.undo()
    finally:
        process.kill()
        process.wait()


def upload(store: fs.FileSystem, folder: Path, to: str) -> None:
    for file in folder.rglob("*.mp4"):
        with store.open_output_stream(f"{to}/{file.relative_to(folder).as_posix()}") as target:
            target.write(file.read_bytes())


def rows_in(store: Any, folder: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ds.dataset(folder, format="parquet", filesystem=store).to_table().to_pylist()
    return rows


def test_an_archive_goes_from_bucket_to_bucket_and_goes_on(tmp_path: Path, server: str) -> None:
    (tmp_path / "trace").mkdir()
    predictor = TextPredictor(str(tmp_path / "trace"))
    clips = write_archive(tmp_path / "clips", {**TEXTS, ".hidden.mp4": "x", "notes.txt": "x"})
    store = open_store(f"s3://bucket{server}")
    upload(store, clips, "bucket/in")
    inputs, out = f"s3://bucket/in{server}", f"s3://bucket/out{server}"
    result = predict_texts(inputs, out, "processes:2", predictor)
    assert (result.out, result.files, result.predicted) == ("s3://bucket/out", 3, 2)
    assert read_rows(rows_in(store, "bucket/out/predictions")) == expected_predictions(
        {name: text for name, text in TEXTS.items() if text != "broken"}
    )
    (error,) = rows_in(store, "bucket/out/errors")
    assert error["video"] == "s3://bucket/in/sub/c.mp4"
    assert error["reason"] == "s3://bucket/in/sub/c.mp4: not a readable video"

    write_archive(clips, {"a.mp4": "changed"})
    upload(store, clips / "sub", "bucket/in/new")
    upload(store, write_archive(tmp_path / "again", {"a.mp4": "changed"}), "bucket/in")
    again = predict_texts(inputs, out, "processes:1", predictor)
    assert (again.files, again.before, again.predicted) == (5, 1, 3)
    assert [row["video"] for row in rows_in(store, "bucket/out/predictions")].count("s3://bucket/in/a.mp4") == 3

    store.delete_file("bucket/in/a.mp4")
    listed = [file.video.path for file in list_archive(inputs)]
    assert listed == [f"s3://bucket/in/{name}" for name in ("new/b c#1.mp4", "new/c.mp4", "sub/b c#1.mp4", "sub/c.mp4")]


def test_one_line_says_what_is_wrong_with_an_address(tmp_path: Path, server: str) -> None:
    with pytest.raises(sm.UsageError, match=r"^s3://bucket/nowhere: no such file or folder in this store$"):
        list_archive(f"s3://bucket/nowhere{server}")
    with pytest.raises(sm.UsageError, match=r"^nothing://: "):
        list_archive("nothing://bucket/x")


def test_what_fsspec_knows_is_read_and_written(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/box/clips/a.mp4", b"abc")
    (file,) = list_archive("memory://box/clips")
    assert (file.video.path, file.bytes, file.store) == ("memory://box/clips/a.mp4", 3, "memory://box")
    (tmp_path / "trace").mkdir()
    clips = write_archive(tmp_path / "clips", {"a.mp4": "one"})
    predict_texts(clips, "memory://box/out", "processes:1", TextPredictor(str(tmp_path / "trace")))
    assert ResultStore("memory://box/out").read_done() == {one.key for one in list_archive(clips)}
    assert predict_texts(clips, "memory://box/out", "processes:1", TextPredictor("")).before == 1
    assert split_address("memory://box/out") == ("memory://box", "box/out")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whether a process exists")
def test_copies_that_dead_workers_have_left_are_deleted_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of living ones stay, and so do folders of other machines and programs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(worker, "limit_threads", lambda threads: None)
    seen: list[Path] = []

    class Predictor(TextPredictor):
        def predict(self, videos: Sequence[Video]) -> Iterator[list[dict[str, Any]] | str]:
            seen.extend(path for path in tmp_path.iterdir() if path.is_dir())
            yield from ("" for _ in videos)

    source = worker.ArchivePredictor(pickle.dumps(TextPredictor("")), 1)
    monkeypatch.setattr(source, "_predictor", Predictor(""))
    source.predict([ArchiveFile(Video("a.mp4"), "k-1", 1)])
    (living,) = seen
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    others = [living, living.with_name("stillmotion-other_1_x"), tmp_path / "stillmotion"]
    left = living.with_name(living.name.replace(f"_{os.getpid()}_", f"_{dead.pid}_"))
    for folder in (*others, left):
        folder.mkdir()
    worker.ArchivePredictor(pickle.dumps(TextPredictor("")), 1)
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_store_that_does_not_answer_is_no_fault_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one that refuses it, or in which it is not there any more."""
    (tmp_path / "trace").mkdir()
    gone = ArchiveFile(Video("memory://nowhere/gone.mp4"), "k-1", 1, "memory://nowhere")
    monkeypatch.setattr(worker, "limit_threads", lambda threads: None)
    predictor = worker.ArchivePredictor(pickle.dumps(TextPredictor(str(tmp_path / "trace"))), 1)
    monkeypatch.setattr(worker, "open_store", lambda store: fs.LocalFileSystem())
    (failure,) = predictor.predict([gone]).failures
    assert failure.cause == "temporary"

    def fail(*_: object) -> None:
        raise OSError("curlCode 6: could not resolve host")

    monkeypatch.setattr(worker, "fetch", fail)
    (failure,) = predictor.predict([gone]).failures
    assert failure.cause == "temporary"
    assert failure.reason.startswith("memory://nowhere/gone.mp4: cannot be fetched (OSError: curlCode 6")
