"""The page for somebody who was not there: what it says follows from the figures, and it holds no picture."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.comparisons import fabricate, fabricate_ladder
from stillmotion.cli.report import report
from stillmotion.comparison import Comparison, Contrast, VerdictWarning, give_advice, read_comparison
from stillmotion.comparison.verdict import WarningCode
from stillmotion.errors import UsageError
from stillmotion.reports import write_summary
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import render_section
from stillmotion.reports.sections.accuracy import ACCURACY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fabricate_ladder(tmp_path_factory.mktemp("ladder"), encoded=0)


@pytest.fixture(scope="module")
def comparison(folder: Path) -> Comparison:
    return read_comparison(folder)


def text_of(comparison: Comparison, folder: Path) -> str:
    page = write_summary(comparison, folder / "summary.html").read_text(encoding="utf-8")
    assert "data:image" not in page
    assert "<script" not in page
    body = page[page.index("<body>") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).replace("\N{NO-BREAK SPACE}", " ")


def test_the_command_writes_it_beside_the_report(folder: Path) -> None:
    report(folder, summary=True)
    assert "clips: Motion is needed" in (folder / "summary.html").read_text(encoding="utf-8")


def test_the_bars_are_what_the_verdict_compares(comparison: Comparison, tmp_path: Path) -> None:
    assert comparison.verdict is not None
    assert "averaged over the labels" not in text_of(comparison, tmp_path)
    balanced = replace(comparison, verdict=replace(comparison.verdict, metric="balanced", guessing=0.37))
    assert balanced.verdict is not None
    text = text_of(balanced, tmp_path)
    assert "of a label are found, averaged over the labels" in text and "the most frequent label 37" in text
    still, motion = (balanced.models[name] for name in ("one frame", "dense motion"))
    undecided = replace(balanced.verdict, low=-0.2, high=0.2, still="one frame", motion="dense motion")
    swapped = {
        "one frame": replace(still, balanced_accuracy=motion.balanced_accuracy),
        "dense motion": replace(motion, balanced_accuracy=still.balanced_accuracy),
    }
    better = replace(balanced, verdict=undecided, models={**balanced.models, **swapped})
    assert "The model one frame (" in text_of(better, tmp_path)
    measured = balanced.measured("dense motion")
    wrong, most = (100 - round(100 * share) for share in (measured.value, measured.low))
    assert measured != comparison.models["dense motion"].accuracy
    assert f"it misses about {wrong} in 100 videos of a label, averaged over the labels, and with" in text
    assert f"with other recordings perhaps {most} in 100." in text


def test_it_says_whether_one_picture_is_enough(comparison: Comparison, tmp_path: Path) -> None:
    assert comparison.verdict is not None
    contrasts = tuple(Contrast(still, "order", 0.0, -0.02, 0.02) for still in ("one frame", "several frames"))
    for chosen, text in (
        ("several frames", "several pictures are enough, in any order"),
        ("one frame", "single pictures are enough"),
    ):
        verdict = replace(
            comparison.verdict,
            still=chosen,
            low=-0.2,
            high=0.01,
            missed=(),
            stills_beat_guessing=True,
            others_beating_guessing=("one frame", "several frames"),
            contrasts=contrasts,
        )
        suffice = replace(comparison, verdict=verdict, recommendation=None)
        assert f"To tell these labels apart, {text}" in text_of(suffice, tmp_path)
        for still, works in (("one frame", True), ("several frames", False)):
            use = give_advice(replace(suffice, verdict=replace(verdict, still=still)))
            (sentence,) = (advice.text for advice in use if advice.code == "use_still")
            assert sentence.startswith(f"Use {still} (") and ("also works on single images" in sentence) == works


def test_it_says_in_plain_words_what_was_found(comparison: Comparison, tmp_path: Path) -> None:
    text = text_of(comparison, tmp_path)
    assert text.strip().startswith(
        "clips One-page summary Motion is needed To tell these labels apart, a model has to see"
    )
    assert "Tested on 60 videos from 30 recordings" in text
    assert "guessing the most frequent label 25 one frame a single frame" in text
    for word in ("p ", "significant", "margin", "macro", "points"):
        assert f" {word}" not in text
    accuracy = comparison.models["dense motion"].accuracy
    assert f"pixel by pixel {100 * accuracy.value:.0f} {100 * accuracy.low:.0f} to" in text
    wrong, most = (100 - round(100 * share) for share in (accuracy.value, accuracy.low))
    assert f"it labels about {wrong} in 100 videos wrongly, and with other recordings perhaps {most} in 100." in text
    perfect = replace(comparison.models["dense motion"], accuracy=replace(accuracy, value=1.0))
    text = text_of(replace(comparison, models={**comparison.models, "dense motion": perfect}), tmp_path)
    assert f"it made no mistake in the test, and with other recordings perhaps {most} in 100." in text
    assert (
        "Proving that it sees the action: the brightness can also tell the label. If that is not what the labels mean"
        in text
    )
    assert "Videos of anything else" in text


def test_a_label_that_is_mostly_missed_is_named(comparison: Comparison, tmp_path: Path) -> None:
    assert "Finding every" not in text_of(comparison, tmp_path)
    model = comparison.models["dense motion"]
    jam = model.per_label["jam"]
    rare = replace(jam, recall=replace(jam.recall, value=0.2))
    models = {**comparison.models, "dense motion": replace(model, per_label={**model.per_label, "jam": rare})}
    text = text_of(replace(comparison, models=models), tmp_path)
    missed = f"it missed {round(0.8 * jam.videos)} of {jam.videos} videos."
    assert f"Finding every &#34;jam&#34;: {missed}" in text


def test_of_a_model_that_only_guesses_nothing_may_be_used(tmp_path: Path) -> None:
    folder = fabricate(tmp_path, skill=dict.fromkeys(("frame_pool", "conv3d"), 0.02), encoded=0)
    text = text_of(read_comparison(folder), tmp_path)
    assert "Nothing beats guessing" in text
    assert "May be used for Nothing yet: guessing may be as good." in text
    assert "May not be used for Any decision, however small." in text
    assert "Videos found" not in text


def with_warning(comparison: Comparison, code: WarningCode, leaked: tuple[str, ...] = ()) -> Comparison:
    verdict = comparison.verdict
    assert verdict is not None
    return replace(
        comparison, verdict=replace(verdict, leaked_groups=leaked, warnings=(VerdictWarning(code, "so it is"),))
    )


def test_that_the_test_is_new_is_said_only_if_it_is_known(comparison: Comparison, tmp_path: Path) -> None:
    def pages(comparison: Comparison) -> tuple[str, str]:
        accuracy = render_section(ACCURACY, Record(comparison))
        assert accuracy is not None
        return text_of(comparison, tmp_path), re.sub(r"\s+", " ", accuracy.body)

    new, in_report = "which the models had not seen before", "No model saw the test videos in training."
    summary, accuracy = pages(comparison)
    assert new in summary and in_report in accuracy

    for leaked in (with_warning(comparison, "test_not_held_out"), with_warning(comparison, "few_groups", ("monday",))):
        summary, accuracy = pages(leaked)
        assert "30 recordings, some of which models had seen before." in summary and new not in summary
        assert "May be used for Nothing yet: models had seen some of the test recordings before." in summary
        assert "May not be used for Any decision, however small." in summary
        assert "Models saw recordings of the test in training, so" in accuracy and in_report not in accuracy

    for unknown in (with_warning(comparison, "training_unknown"), replace(comparison, verdict=None)):
        summary, accuracy = pages(unknown)
        assert "30 recordings; whether the models had seen them before is not known." in summary and new not in summary
        assert "Videos like those that were tested" in summary
        assert "Whether a model saw test videos in training is not known." in accuracy and in_report not in accuracy

    summary, accuracy = pages(with_warning(comparison, "validation_not_held_out"))
    assert new in summary and in_report in accuracy
    assert "Recordings that models had learned from were also used to choose among them." in summary


def test_one_model_and_few_recordings(tmp_path: Path) -> None:
    alone = read_comparison(fabricate(tmp_path, skill={"conv3d": 0.95}, videos=16, encoded=0))
    text = text_of(alone, tmp_path)
    assert "No verdict" in text
    assert "The test is small (8 recordings): take it as a first look." in text
    with pytest.raises(UsageError, match=r"summary\.html"):
        write_summary(alone)
    text_of(Comparison({}, None), tmp_path)
