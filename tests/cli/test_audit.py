"""The command: a short answer, audit.json and audit.html, one clear line for what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.commands import assert_refused, run_command
from helpers.pipeline import color_model, write_disc_videos, write_snapshots

READER = """
import av
def swapped(path):
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="bgr24", width=24, height=24, interpolation="AREA")
"""


@pytest.mark.backend
def test_an_audit_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = write_disc_videos(tmp_path / "videos", 2)
    write_snapshots(tmp_path / "stills", videos)
    color_model().save(tmp_path / "model.keras")
    (tmp_path / "app.py").write_text(READER)
    monkeypatch.chdir(tmp_path)
    result = run_command(
        *("audit", "model.keras", "videos", "--snapshots", "stills", "--frame-reader", "app:swapped"),
        *("--labels", "ant,bee,cat,<b>dog</b>", "--out", "out"),
    )
    assert result.returncode == 0, result.stderr
    assert "% of the change comes from channel order: your snapshots are RGB" in result.stdout
    assert "cv2.COLOR_BGR2RGB" in result.stdout
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert content["causes"][0]["cause"] == "channel_order"
    assert content["model"]["labels"][0] == "ant"
    rows = content["sensitivity"]
    expected = {"channel_order", "resizing", "video_compression", "time_offset", "interlacing", "precision"}
    assert expected <= {row["fault"] for row in rows}
    assert all(0 <= row["flips_low"] <= row["flips"] <= row["flips_high"] <= 1 for row in rows)
    page = (tmp_path / "out" / "audit.html").read_text()
    assert "Channel order</h1>" in page
    assert "<b>dog" not in page
    assert "://" not in page  # nothing is fetched
    assert page.count("data:image/png;base64,") == 3 * len(content["previews"]) > 0


def test_bad_calls(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    (tmp_path / "m.keras").write_text("not a model")
    model, video = tmp_path / "m.keras", tmp_path / "a.mp4"
    assert_refused(2, "no such model", "audit", tmp_path / "none.keras", video)
    assert_refused(1, "not a Keras model", "audit", model, video)
    assert_refused(2, "expected package.module:function", "audit", model, video, "--frame-reader", "app")
    assert_refused(2, "input range '0-1': expected", "audit", model, video, "--input-range", "0-1")
