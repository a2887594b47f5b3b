import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.comparisons import LABELS, fabricate
from stillmotion.cli.report import report
from stillmotion.comparison import (
    Advice,
    Comparison,
    SkippedRecord,
    compare_runs,
    read_comparison,
    write_comparison,
)
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.reports import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fabricate(tmp_path_factory.mktemp("comparison"))


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    """The comparison's page."""
    return write_report(folder)


def test_the_page_shows_the_whole_comparison(folder: Path, path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert path == folder / "report.html"
    frames = sum(map(len, re.findall(r'href="(data:image/webp[^"]*)"', page)))
    assert path.stat().st_size - frames < 600_000
    assert frames < 2_000_000
    assert '<h1 class="motion-needed">Motion is needed</h1>' in page
    assert "<title>clips: Motion is needed · stillmotion</title>" in page
    assert page.index('id="verdict"') < page.index('id="accuracy"') < page.index('id="cost"')
    assert page.count('<section id="') == 2
    assert page.count('<details class="part"') == 11
    assert page.count('href="data:image/webp;base64,') == 24
    assert page.count("<polyline") == 24 * 3 + 3 * 2 + 1 + 3  # examples, trainings, cost, frames and footage
    assert "broken &lt;1&gt;.mp4" in page
    for label in LABELS:
        assert label in page
    verdict = json.loads((folder / "comparison.json").read_text())["verdict"]
    assert verdict["sentence"][len("Motion is needed: t") :][:30] in page


def test_the_page_shows_exactly_the_advice_of_the_comparison(folder: Path, tmp_path: Path) -> None:
    advice = (
        Advice("time_per_clip", "cost", "It costs -3 % & <more>."),
        Advice("use_motion", "next_steps", "Try `--seeds 3` 10 - 5 times."),
    )
    page = write_report(replace(read_comparison(folder), advice=advice), tmp_path / "page.html").read_text()
    takeaways = page[page.index('<div class="takeaways">') : page.index("Statistical details")]
    lines = [line.strip() for line in takeaways.splitlines() if "<li>" in line]
    assert lines == [
        "<li>Try <code>--seeds 3</code> 10 - 5 times.</li>",
        "<li>It costs -3\N{NO-BREAK SPACE}% &amp; &lt;more&gt;.</li>",
    ]


def test_missing_videos_and_traces_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fabricate(tmp_path, encoded=0, videos=12)
    for path in folder.glob("runs/*/over_time.parquet"):
        path.unlink()
    for path in folder.glob("runs/*/history.csv"):
        path.write_text("epoch,loss\n1,not a number\n")
    write_comparison(compare_runs(sorted(folder.glob("runs/*")), relative_to=folder), folder)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "the video is no longer there" in page
    assert "Predictions over time were not recorded" in page
    assert page.count("<polyline") == 1  # the front of accuracy and cost
    report(folder / "report.html")
    printed = capsys.readouterr()
    assert printed.out.strip().endswith("report.html")
    assert re.fullmatch(r"(\d+) of the \1 example videos are not in the data folder\n", printed.err)


def test_every_figure_is_in_the_record(folder: Path, path: Path, tmp_path: Path) -> None:
    """The page is the same without the runs: all of it is in comparison.json, except for frames of videos."""
    shutil.copy(folder / "comparison.json", tmp_path)
    assert write_report(tmp_path).read_bytes() == path.read_bytes()


def test_every_key_of_the_record_is_documented(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "comparison-json.md").read_text(encoding="utf-8")
    record = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    found = keys(record)
    assert {"accuracy", "one_frame_decides", "best_epoch", "traces", "p_holm", "advice", "peak_megabytes"} <= found
    documented = {key for key in found if f"`{key}`" in page or f"`{re.sub('_(low|high)$', '', key)}`" in page}
    assert not sorted(found - documented)


BY_NAME = ("models", "per_label", "predictions", "traces", "probabilities", "stability")  # of a family or a label
AS_GIVEN = ("recipe", "versions", "videos_per_label", "groups_per_label", "spec")


def keys(value: object) -> set[str]:
    """All keys of a record that are ours to explain."""
    if isinstance(value, list):
        return set().union(*(keys(item) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set(value)
    for key, item in value.items():
        inner = item.values() if key in BY_NAME and isinstance(item, dict) else [item]
        found |= set().union(*(keys(each) for each in inner if key not in AS_GIVEN))
    return found


def test_one_family_and_one_run_have_no_verdict(tmp_path: Path) -> None:
    folder = fabricate(tmp_path, skill={"frame_pool": 0.8}, videos=12, encoded=0)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "No verdict" in page
    run = folder / "runs" / "frame_pool-seed0"
    report(run)
    assert "No verdict" in (run / "report.html").read_text(encoding="utf-8")


def test_a_comparison_in_memory_needs_a_name_for_its_page(folder: Path, path: Path, tmp_path: Path) -> None:
    comparison = read_comparison(folder)
    assert write_report(comparison, tmp_path / "page.html").read_bytes() == path.read_bytes()
    with pytest.raises(UsageError, match="give the page a name"):
        write_report(comparison)


@pytest.mark.parametrize("path", ["../outside.mp4", "{absolute}", "sub/../../outside.mp4", "notes.txt"])
def test_only_videos_in_the_data_folder_of_a_record_are_opened(folder: Path, tmp_path: Path, path: str) -> None:
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    for copy in (tmp_path / "outside.mp4", data / "notes.txt", data / "inside.mp4"):
        shutil.copy(next((folder / "clips").glob("*.mp4")), copy)
    comparison = read_comparison(folder)

    def changed(name: str) -> Comparison:
        example = comparison.examples[0]
        shown = replace(example, video=replace(example.video, path=name.format(absolute=tmp_path / "outside.mp4")))
        return replace(comparison, data=replace(comparison.data, root=str(data)), examples=(shown,))

    def sheets(page: Path) -> int:
        return page.read_text().count("data:image/webp")

    for name, expected in (("inside.mp4", 1), ("sub/../inside.mp4", 1), (path, 0)):
        write_comparison(changed(name), tmp_path)
        assert sheets(write_report(tmp_path)) == expected
    # A table of one's own may list videos that are elsewhere, under any name.
    assert sheets(write_report(changed(path), tmp_path / "own.html")) == 1


def test_a_page_without_pictures_shows_the_same_predictions(folder: Path, path: Path, tmp_path: Path) -> None:
    with_pictures, page = path.read_text(), tmp_path / "page.html"
    report(folder, page, no_pictures=True)
    without = page.read_text()
    assert "This page holds pictures of 24 videos" in with_pictures
    assert "pictures of your videos" in with_pictures
    assert "data:image" not in without
    assert "pictures of" not in without
    assert "No frames" not in without
    assert without.count("<polyline") == with_pictures.count("<polyline")


def test_paths_are_relative_to_the_data_set(folder: Path, tmp_path: Path) -> None:
    comparison = read_comparison(folder)
    root, example = comparison.data.root, comparison.examples[0]
    broken = tmp_path / "data" / "broken.mp4"
    broken.parent.mkdir()
    broken.write_text("not a video")
    videos = (replace(example.video, path="broken.mp4"), replace(example.video, path=str(broken)))
    skipped = (SkippedRecord(str(broken), f"{broken}: empty"),)
    data = replace(comparison.data, root=str(broken.parent), skipped=skipped)
    examples = tuple(replace(example, video=video) for video in videos)
    page = write_report(replace(comparison, data=data, examples=examples), tmp_path / "page.html").read_text()
    assert page.count("No frames: broken.mp4: ") == 2
    assert '<span class="file">broken.mp4</span> broken.mp4: empty' in page
    assert str(tmp_path) not in page
    assert root not in page


def test_a_page_says_first_that_nothing_beats_guessing_and_does_not_praise(tmp_path: Path) -> None:
    folder = fabricate(tmp_path, skill=dict.fromkeys(("frame_pool", "cnn_rnn", "conv3d"), 0.02), encoded=0)
    page = write_report(folder).read_text(encoding="utf-8")
    text = page[page.index("<main>") :]
    assert text.index("Nothing is significantly better than guessing") < text.index("<h1") < text.index("<figure")
    assert '<h1 class="undecided">Nothing beats guessing</h1>' in page
    assert "a correct prediction may be luck" in page
    assert text.count("may only guess") >= 6
    for praise in ("the most accurate", "the fastest", "helps", "makes no mistake", "stands out", "motion finds"):
        assert praise not in text[: text.index("<script>")]


def test_a_folder_without_a_comparison_and_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match=r"comparison\.json"):
        write_report(tmp_path)
    (tmp_path / "file").write_text("")
    folder = fabricate(tmp_path / "c", skill={"conv3d": 0.8}, videos=4, encoded=0)
    with pytest.raises(StillmotionError):
        write_report(folder, tmp_path / "file" / "report.html")


@pytest.mark.parametrize(
    ("key", "value"),
    [("macro_f1", "x"), ("kind", "moving"), ("trainings", [{}]), ("cost", {"parameters": 10**400})],
)
def test_a_record_of_wrong_types_is_refused(folder: Path, tmp_path: Path, key: str, value: object) -> None:
    record = json.loads((folder / "comparison.json").read_text())
    models = {**record["models"], "conv3d": {**record["models"]["conv3d"], key: value}}
    (tmp_path / "comparison.json").write_text(json.dumps({**record, "models": models}))
    with pytest.raises(StillmotionError, match="not a comparison's record"):
        write_report(tmp_path)


def test_the_record_is_not_overwritten_by_the_page(folder: Path) -> None:
    for name in ("comparison.json", ""):
        with pytest.raises(UsageError, match=r"\.html"):
            write_report(folder, folder / name if name else name)
    assert json.loads((folder / "comparison.json").read_text())


def test_no_backend_is_imported() -> None:
    backends = {"keras", "tensorflow", "jax", "torch"}
    code = f"import sys, stillmotion.reports, stillmotion.comparison; print(sorted({backends} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
