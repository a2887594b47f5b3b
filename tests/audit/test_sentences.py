"""Sentences are made from codes and numbers."""

from __future__ import annotations

from typing import get_args

import pytest

from stillmotion.audit.causes import AttributedCause
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.faults import CHANNEL_ORDER, VIDEO_COMPRESSION
from stillmotion.audit.input_range import RangeEvidence, RangeSource
from stillmotion.audit.sentences import describe_cause, describe_range, percent

pytestmark = pytest.mark.backend


def test_every_source_of_a_range_has_its_own_sentence() -> None:
    sources = get_args(RangeSource)
    sentences = {describe_range(RangeEvidence("0..1", source, "norm", 0.4, "0..255", 0.8)) for source in sources}
    assert len(sentences) == len(sources) == 7


def test_a_cause_names_both_settings_and_whose_they_are() -> None:
    cause = AttributedCause(CHANNEL_ORDER, "BGR", "RGB", 3, 0.9, 0.8, 1.0, 1.0)
    record = describe_cause(cause, PathComparison(()), has_reader=True)
    assert (record.cause, record.name, record.share) == ("channel_order", "channel order", 0.9)
    assert record.evidence.startswith("your snapshots are RGB, but your reader's frames are BGR (3 of")
    assert record.summary == "reader: BGR; snapshots: RGB"
    assert "the video's frames are BGR" in describe_cause(cause, PathComparison(()), has_reader=False).evidence


def test_a_cause_recognized_by_what_is_left_over_needs_no_setting() -> None:
    """The loss of an encoder is recognized although no setting reproduces it."""
    normal = VIDEO_COMPRESSION.normal
    cause = AttributedCause(VIDEO_COMPRESSION, normal, normal, 0, 0.5, 0.4, 0.6, 0.0)
    record = describe_cause(cause, PathComparison(()), has_reader=False)
    assert (
        record.evidence == "the difference between your snapshots and the video's frames looks like video compression"
    )
    assert record.fix


@pytest.mark.parametrize(("share", "text"), [(0, "0 %"), (0.004, "0.4 %"), (0.931, "93 %"), (-0.02, "-2 %")])
def test_shares_are_in_percent(share: float, text: str) -> None:
    assert percent(share) == text
