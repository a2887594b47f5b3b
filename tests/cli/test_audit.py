"""The command: a short answer, audit.json and audit.html, one clear line for what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_bad_input import refused, run

from helpers.pipeline import colour_model, write_films, write_snapshots

READER = """
import av
def swapped(path):
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="bgr24", width=24, height=24, interpolation="AREA")
"""


@pytest.mark.backend
def test_an_audit_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films = write_films(tmp_path / "films", 2)
    write_snapshots(tmp_path / "stills", films)
    colour_model().save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n<b>dog</b>\n")
    (tmp_path / "app.py").write_text(READER)
    monkeypatch.chdir(tmp_path)
    told = run(
        "audit", "model.keras", "films", "--snapshots", "stills", "--frames", "app:swapped", "--labels", "labels.txt",
        "--out", "out",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "% of the change comes from channel order: your snapshots are RGB" in told.stdout
    assert "cv2.COLOR_BGR2RGB" in told.stdout
    written = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert written["causes"][0]["cause"] == "channel order"
    faults = {row["fault"] for row in written["sensitivity"]}
    assert {"channel order", "resizing", "video compression", "moment", "interlacing", "precision"} <= faults
    assert all(0 <= row["flips_low"] <= row["flips"] <= row["flips_high"] <= 1 for row in written["sensitivity"])
    page = (tmp_path / "out" / "audit.html").read_text()
    assert "Channel order</h1>" in page
    assert "<b>dog" not in page
    assert "://" not in page  # nothing is fetched


def test_bad_calls(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    (tmp_path / "m.keras").write_text("not a model")
    refused(2, "no such model", "audit", tmp_path / "none.keras", tmp_path / "a.mp4")
    refused(1, "not a Keras model", "audit", tmp_path / "m.keras", tmp_path / "a.mp4")
    refused(2, "expected package.module:function", "audit", tmp_path / "m.keras", tmp_path / "a.mp4", "--frames", "app")
