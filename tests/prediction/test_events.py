"""Predictions become events, in Python as on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.media import write_video
from helpers.streams import JAM_LABELS, LIGHT_LABELS, jam_predictions, serve, write_light_model, write_light_video
from stillmotion.decoding import live
from stillmotion.errors import UsageError
from stillmotion.models.cards import Outputs
from stillmotion.prediction import EventDetector, load_clip_model, stream_updates
from stillmotion.prediction.live import StreamUpdate
from stillmotion.streaming import WindowPrediction

Spans = list[tuple[float, float, str]]


def find(detector: EventDetector, jams: list[float]) -> Spans:
    events = [event for prediction in jam_predictions(jams) for event in detector.push(prediction)] + detector.flush()
    return [(event.start_seconds, event.end_seconds, event.label) for event in events]


def test_an_event_goes_from_the_enter_threshold_to_the_exit_threshold() -> None:
    """It begins at 0.6, stays at 0.5 and ends below 0.4; in between there is no event."""
    jams = [0.5, 0.7, 0.5, 0.45, 0.9, 0.3, 0.1, 0.1, 0.5]
    detector = EventDetector(JAM_LABELS, smoothing_seconds=0, enter_threshold=0.6, exit_threshold=0.4)
    assert find(detector, jams) == [(0.5, 2.0, "jam"), (2.5, 4.0, "calm")]


def test_events_shorter_than_the_minimum_are_ignored() -> None:
    jams = [0.7, 0.7, 0.7, 0.7, 0.3, 0.3]
    for minimum, expected in [(1.5, [(0.0, 1.5, "jam")]), (1.6, [])]:
        detector = EventDetector(JAM_LABELS, smoothing_seconds=0, min_duration_seconds=minimum)
        assert find(detector, jams) == expected


def test_smoothing_ends_flicker() -> None:
    jams = [0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9]
    assert len(find(EventDetector(JAM_LABELS, smoothing_seconds=0, min_duration_seconds=0), jams)) == 3
    smooth = EventDetector(JAM_LABELS, smoothing_seconds=1.5, min_duration_seconds=0)
    assert find(smooth, jams) == [(0.0, 3.5, "jam")]


def test_confidence_is_the_mean_smoothed_probability_of_the_event() -> None:
    detector = EventDetector(JAM_LABELS, smoothing_seconds=0)
    for prediction in jam_predictions([0.1, 0.7, 0.9]):
        detector.push(prediction)
    (event,) = detector.flush()
    assert event.confidence == pytest.approx(0.8)


def test_entry_mean_and_peak_are_told_apart() -> None:
    """The mean is below the threshold at which the event began, and says so."""
    detector = EventDetector(JAM_LABELS, smoothing_seconds=0)
    for prediction in jam_predictions([0.625, 0.875, 0.45, 0.45]):
        detector.push(prediction)
    (event,) = detector.flush()
    assert (event.entry_confidence, event.peak_confidence) == (0.625, 0.875)
    assert event.confidence == pytest.approx(0.6) and event.confidence < 0.625


def notices(detector: EventDetector, jams: list[float]) -> list[tuple[str, float, str]]:
    """State, end so far and id of all notices."""
    given = [notice for prediction in jam_predictions(jams) for notice in detector.advance(prediction)]
    return [(notice.state, notice.event.end_seconds, notice.id) for notice in given + detector.finish()]


def test_an_event_is_noticed_when_it_begins_at_an_interval_and_when_it_ends() -> None:
    """It begins once it is long enough: what is shorter is never mentioned. All notices of an event have one id."""
    jams = [0.9, 0.5, 0.1, *[0.9] * 8, 0.2, 0.9, 0.9]
    quiet: dict[str, Any] = {"enter_threshold": {"calm": 1.0}, "smoothing_seconds": 0, "min_duration_seconds": 0.6}
    given = notices(EventDetector(JAM_LABELS, notice_seconds=1.0, **quiet), jams)
    assert [(state, end) for state, end, _ in given] == [
        ("began", 2.5), ("ongoing", 3.5), ("ongoing", 4.5), ("ended", 5.0)
    ]  # fmt: skip
    assert len({identity for *_, identity in given}) == 1
    other = notices(EventDetector(JAM_LABELS, notice_seconds=0, **quiet), jams)
    assert [state for state, *_ in other] == ["began", "ended"]
    assert other[0][2] == other[1][2] != given[0][2]


def test_only_chosen_labels_are_reported_but_others_still_end_their_events() -> None:
    jams = [0.9, 0.9, 0.5, 0.1, 0.1, 0.45]
    loose: dict[str, Any] = {"smoothing_seconds": 0, "exit_threshold": 0.05}
    assert find(EventDetector(JAM_LABELS, **loose), jams) == [(0.0, 1.0, "jam"), (1.5, 2.5, "calm")]
    assert find(EventDetector(JAM_LABELS, only=["jam"], **loose), jams) == [(0.0, 1.0, "jam")]
    assert [state for state, *_ in notices(EventDetector(JAM_LABELS, only=["jam"], **loose), jams)] == [
        "began", "ended"
    ]  # fmt: skip
    with pytest.raises(UsageError, match="events of 'jma', which is none of the labels calm, jam"):
        EventDetector(JAM_LABELS, only=["jma"])


@pytest.mark.parametrize(
    ("jams", "settings", "text"),
    [
        ([0.6, 0.7, 0.65, 0.6], {}, r"the highest average was jam 0.70 at 0.50 s, below .* 0.9; an enter threshold"),
        ([0.3, 0.95, 0.3], {}, r"was jam 0.95 at 0.50 s, but it did not last 0.5 s; a minimum duration of 0 would"),
        ([0.7], {}, r"was jam 0.70 at 0.00 s, below .* a minimum duration of 0 with an enter threshold of 0.69 would"),
        ([0.4, 0.3], {"only": ["jam"]}, "no event: no window was most probably jam"),
        ([0.4], {"only": ["unknown"]}, "no event: no stretch was unlike the training clips"),
        ([], {}, "no event: no window was complete"),
        ([0.5], {"outputs": "regression", "enter_threshold": None}, "a regression has events only with an enter"),
    ],
)
def test_no_event_is_explained(jams: list[float], settings: dict[str, Any], text: str) -> None:
    detector = EventDetector(JAM_LABELS, **{"smoothing_seconds": 0, "enter_threshold": 0.9, **settings})
    assert find(detector, jams) == []
    assert re.search(text, detector.explain_silence())


@pytest.mark.parametrize("outputs", ["softmax", "independent sigmoids"])
def test_what_is_said_to_give_an_event_gives_one(outputs: Outputs) -> None:
    """And 0.01 above that does not: the highest average that lasts is named."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        jams = [float(jam) for jam in rng.uniform(0.05, 0.89, 12)]
        detector = EventDetector(JAM_LABELS, smoothing_seconds=0.5, enter_threshold=0.95, outputs=outputs)
        assert find(detector, jams) == []
        said = re.search(r"an enter (and exit )?threshold of ([\d.]+) would give one", detector.explain_silence())
        assert said
        needed = float(said[2])
        for threshold, expected in [(needed, True), (needed + 0.01, False)]:
            label = re.search(r"was (\w+)", detector.explain_silence())
            assert label
            again = EventDetector(
                JAM_LABELS,
                smoothing_seconds=0.5,
                enter_threshold={"calm": 0.95, "jam": 0.95, label[1]: threshold},
                exit_threshold={label[1]: min(0.4, threshold)},
                outputs=outputs,
            )
            assert bool(find(again, jams)) == expected


def test_after_flush_nothing_of_the_last_recording_is_averaged() -> None:
    detector = EventDetector(JAM_LABELS, smoothing_seconds=10, min_duration_seconds=0)
    for prediction in jam_predictions([0.9] * 5):
        detector.push(prediction)
    assert [event.label for event in detector.flush()] == ["jam"]
    assert detector.flush() == []
    assert detector.push(WindowPrediction(np.array([0.9, 0.1], np.float32), 6, 3.0, "calm")) == []
    (event,) = detector.flush()
    assert (event.label, event.start_seconds) == ("calm", 3.0)
    assert event.confidence == pytest.approx(0.9)


def test_an_event_ends_below_two_thirds_of_a_low_enter_threshold() -> None:
    """With many labels, averages are low, and an exit threshold of 0.4 would be above the enter threshold."""
    for enter, leave in ((0.3, 0.2), (0.6, 0.4), (0.9, 0.4)):
        for averages, lasts in (([enter + 0.01, leave + 0.01], True), ([enter + 0.01, leave - 0.01], False)):
            detector = EventDetector(["jam", "calm"], enter_threshold={"jam": enter, "calm": 0.99}, smoothing_seconds=0)
            for number, average in enumerate(averages):
                probabilities = np.array([average, 0.0], np.float32)
                ended = detector.push(WindowPrediction(probabilities, number, float(number), "jam"))
            assert bool(detector._open) == lasts and not (lasts and ended)


def test_wrong_thresholds_and_predictions_without_times_are_refused() -> None:
    with pytest.raises(UsageError, match=r"the exit threshold is 0\.7, above the enter threshold, 0\.6"):
        EventDetector(JAM_LABELS, exit_threshold=0.7)
    with pytest.raises(UsageError, match="events need predictions with times"):
        EventDetector(JAM_LABELS).push(WindowPrediction(np.array([0.9, 0.1], np.float32), 0))


def spans(updates: Iterable[StreamUpdate]) -> Spans:
    events = [event for update in updates for event in update.events]
    return [(round(event.start_seconds, 3), round(event.end_seconds, 3), event.label) for event in events]


@pytest.mark.backend
def test_a_stream_gives_its_events_with_the_frames_that_end_them(tmp_path: Path) -> None:
    model = load_clip_model(write_light_model(tmp_path / "light.keras"), rate=10, labels=LIGHT_LABELS)
    video = write_light_video(tmp_path / "video.mp4")
    detector = EventDetector(LIGHT_LABELS, smoothing_seconds=0)
    updates = list(stream_updates(model, video, events=detector))
    assert len(updates) == 60
    assert [label for _, _, label in spans(updates)] == ["dark", "light", "dark"]
    predicted = [prediction for update in updates for prediction in update.predictions]
    again = EventDetector(LIGHT_LABELS, smoothing_seconds=0)
    expected = [event for prediction in predicted for event in again.push(prediction)] + again.flush()
    assert [event for update in updates for event in update.events] == expected
    by_default = EventDetector(LIGHT_LABELS)
    assert spans(stream_updates(model, video, events=True)) == spans(stream_updates(model, video, events=by_default))
    assert spans(stream_updates(model, video)) == []


@pytest.mark.backend
def test_an_event_ends_where_the_source_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera shows the dark before and after, but what was in between is unknown: these are two events."""
    monkeypatch.setattr(live, "pauses", lambda: iter([0.01] * 5))
    model = load_clip_model(write_light_model(tmp_path / "light.keras"), rate=10, labels=LIGHT_LABELS)
    dark = write_video(tmp_path / "dark.mkv", np.full((12, 32, 48, 3), 20, np.uint8)).read_bytes()
    updates = []
    detector = EventDetector(LIGHT_LABELS, smoothing_seconds=0, min_duration_seconds=0)
    with serve(dark, dark, dark) as url:
        for update in stream_updates(model, url, events=detector, hop=1, every_frame=True):
            updates.append(update)
            if sum(update.frame.starts_recording for update in updates) == 3:
                break
    first, second = spans(updates)
    assert [first[2], second[2]] == ["dark", "dark"]
    # A recording of 1.2 s, without the frame that is still shown at its end: windows end from 0.4 to 1.1 s.
    assert first[0] == pytest.approx(0.4) and first[1] == pytest.approx(1.1, abs=0.11)
    assert second[1] - second[0] == pytest.approx(first[1] - first[0], abs=0.11)
