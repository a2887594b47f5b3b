import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.comparisons import LABELS, fabricate
from stillmotion.cli.report import report
from stillmotion.comparison import compare_runs, write_comparison
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.reports import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fabricate(tmp_path_factory.mktemp("comparison"))


def test_the_page_of_a_comparison(folder: Path) -> None:
    path = write_report(folder)
    page = path.read_text(encoding="utf-8")
    assert path == folder / "report.html"
    pictures = sum(map(len, re.findall(r'href="(data:image/webp[^"]*)"', page)))
    assert path.stat().st_size - pictures < 600_000
    assert pictures < 2_000_000
    assert '<h1 class="motion-needed">Motion is needed</h1>' in page
    assert page.count('<section id="') == 3
    assert page.count('<details class="part"') == 8
    assert page.count('href="data:image/webp;base64,') == 24
    assert page.count("<polyline") == 24 * 3 + 3 * 2 + 1
    assert "broken &lt;1&gt;.mp4" in page
    for label in LABELS:
        assert label in page
    verdict = json.loads((folder / "comparison.json").read_text())["verdict"]
    assert verdict["sentence"][len("Motion is needed: t") :][:30] in page
    assert page == write_report(folder, folder / "again.html").read_text(encoding="utf-8")


def test_what_is_gone_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fabricate(tmp_path, filmed=0, videos=12)
    for path in folder.glob("runs/*/over_time.parquet"):
        path.unlink()
    for path in folder.glob("runs/*/history.csv"):
        path.write_text("epoch,loss\n1,not a number\n")
    write_comparison(compare_runs(sorted(folder.glob("runs/*")), relative_to=folder), folder)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "the video is no longer where it was" in page
    assert "The answers through time were not recorded" in page
    assert page.count("<polyline") == 1  # the front of accuracy and cost
    report(folder / "report.html")
    told = capsys.readouterr()
    assert told.out.strip().endswith("report.html")
    assert re.fullmatch(r"(\d+) of the \1 videos to look at are no longer where they were\n", told.err)


def test_every_figure_is_in_the_record(folder: Path, tmp_path: Path) -> None:
    """The page is the same without the runs: all that it says is in comparison.json, but for the videos' pictures."""
    shutil.copy(folder / "comparison.json", tmp_path)
    again = write_report(tmp_path).read_text(encoding="utf-8")
    assert again == write_report(folder).read_text(encoding="utf-8")


def test_every_key_of_the_record_is_documented(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "comparison-json.md").read_text(encoding="utf-8")
    record = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    found = keys(record)
    assert {"accuracy", "one_frame_decides", "best_epoch", "traces", "p_holm", "advice", "peak_megabytes"} <= found
    documented = {key for key in found if f"`{key}`" in page or f"`{re.sub('_(low|high)$', '', key)}`" in page}
    assert not sorted(found - documented)


BY_NAME = ("families", "per_label", "predictions", "traces", "probabilities", "stability")  # of a family or a label
AS_GIVEN = ("recipe", "versions", "videos_per_label", "spec")


def keys(value: object) -> set[str]:
    """All keys of a record that are ours to explain."""
    if isinstance(value, list):
        return set().union(*(keys(one) for one in value))
    if not isinstance(value, dict):
        return set()
    found = set(value)
    for key, one in value.items():
        inner = one.values() if key in BY_NAME and isinstance(one, dict) else [one]
        found |= set().union(*(keys(each) for each in inner if key not in AS_GIVEN))
    return found


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


@pytest.mark.parametrize(
    ("key", "value"),
    [("macro_f1", "x"), ("kind", "moving"), ("trainings", [{}]), ("cost", {"parameters": 10**400})],
)
def test_a_record_of_wrong_types_is_refused(folder: Path, tmp_path: Path, key: str, value: object) -> None:
    record = json.loads((folder / "comparison.json").read_text())
    families = {**record["families"], "conv3d": {**record["families"]["conv3d"], key: value}}
    (tmp_path / "comparison.json").write_text(json.dumps({**record, "families": families}))
    with pytest.raises(StillmotionError, match="not a comparison's record"):
        write_report(tmp_path)


def test_the_record_is_not_overwritten_by_the_page(folder: Path) -> None:
    for name in ("comparison.json", ""):
        with pytest.raises(UsageError, match=r"\.html"):
            write_report(folder, folder / name if name else name)
    assert json.loads((folder / "comparison.json").read_text())


def test_no_backend_is_imported() -> None:
    code = "import sys, stillmotion.reports, stillmotion.comparison; print([m for m in sys.modules if m in " \
           "('keras', 'tensorflow', 'jax', 'torch')])"  # fmt: skip
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
