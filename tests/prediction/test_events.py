"""Predictions become events, in Python as on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from helpers.media import write_video
from helpers.streams import JAM_LABELS, LIGHT_LABELS, jam_predictions, serve, write_light_model, write_light_video
from stillmotion.decoding import live
from stillmotion.errors import UsageError
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
