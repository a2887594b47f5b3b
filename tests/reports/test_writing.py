import json
import subprocess
import sys
from pathlib import Path

import pytest
from fabricate_comparison import LABELS, fabricate, film

from stillmotion.comparison import Comparison, Example
from stillmotion.errors import StillmotionError
from stillmotion.reports import Record, RunFiles, write_report
from stillmotion.reports.sections.moments import find_video
from stillmotion.reports.strips import read_strip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fabricate(tmp_path_factory.mktemp("comparison"))


def test_the_page_of_a_comparison(folder: Path) -> None:
    path = write_report(folder)
    page = path.read_text(encoding="utf-8")
    assert path == folder / "report.html"
    assert path.stat().st_size < 1_500_000
    assert '<h1 class="motion-needed">Motion is needed</h1>' in page
    assert page.count('<section id="') == 8  # no evidence was gathered
    assert page.count('<img alt="" src="data:image/jpeg;base64,') == 64
    assert page.count("<polyline") == 8 * 3 + 3 * 2
    assert "broken &lt;1&gt;.mp4" in page
    for label in LABELS:
        assert label in page
    verdict = json.loads((folder / "comparison.json").read_text())["verdict"]
    assert verdict["sentence"].partition(": ")[2][1:40] in page
    assert page == write_report(folder, folder / "again.html").read_text(encoding="utf-8")


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    folder = fabricate(tmp_path, filmed=0, videos=12)
    for path in folder.glob("runs/*/moments.parquet"):
        path.unlink()
    for path in folder.glob("runs/*/history.csv"):
        path.write_text("epoch,loss\n1,not a number\n")
    page = write_report(folder).read_text(encoding="utf-8")
    assert "the video is no longer where it was" in page
    assert "The answers through time were not recorded" in page
    assert "<polyline" not in page


def test_a_stretch_of_a_file_is_shown(tmp_path: Path) -> None:
    film(tmp_path / "long.mp4", 0)
    stretch = {"path": "long.mp4", "label": "jam", "group": "g", "start_seconds": 0.5, "end_seconds": 1.5}
    files = RunFiles(tmp_path, {"data": {"root": str(tmp_path), "videos": [stretch]}})
    record = Record(Comparison(families={}, verdict=None), {"conv3d": (files,)})
    found = find_video(record, Example(0, "long.mp4@0.5-1.5", "jam", "Both right"))
    assert found == (tmp_path / "long.mp4", 0.5, 1.5)
    assert len(read_strip(found[0], [0.5, 1.0, 1.4])) == 3


def test_one_family_and_one_run(tmp_path: Path) -> None:
    folder = fabricate(tmp_path, skill={"frame_pool": 0.8}, videos=12, filmed=0)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "No verdict" in page
    alone = write_report(folder / "runs" / "frame_pool-seed0")
    assert alone == folder / "runs" / "frame_pool-seed0" / "report.html"
    assert "No verdict" in alone.read_text(encoding="utf-8")


def test_not_a_comparison(tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match=r"comparison\.json"):
        write_report(tmp_path)
    (tmp_path / "file").write_text("")
    folder = fabricate(tmp_path / "c", skill={"conv3d": 0.8}, videos=4, filmed=0)
    with pytest.raises(StillmotionError):
        write_report(folder, tmp_path / "file" / "report.html")


def test_no_backend_is_imported() -> None:
    code = "import sys, stillmotion.reports, stillmotion.comparison; print([m for m in sys.modules if m in " \
           "('keras', 'tensorflow', 'jax', 'torch')])"  # fmt: skip
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
