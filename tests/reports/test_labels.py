"""The folded line of the results by label: what was found first, then how certain it is."""

from dataclasses import replace

import pytest

from helpers.comparisons import fabricate
from stillmotion.comparison import LabelGain
from stillmotion.reports import Record, read_record, render_report

GAIN = LabelGain("a", 6, 6, 0.0, 1.0, 1.0, 0.5, 1.0, 0.5, 0.01, 0.06, 0.02, False)
SAME = replace(GAIN, label="same", gain=0.0, videos=40)
SURE = replace(GAIN, label="sure", p_holm=0.01, significant=True)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return read_record(fabricate(tmp_path_factory.mktemp("labels"), encoded=0, videos=12))


@pytest.mark.parametrize(
    ("labels", "gist"),
    [
        (
            [GAIN, GAIN, GAIN, GAIN, SAME],
            "motion finds 4 of 5 labels more often; none of these gains is certain on its own with 6 test videos per "
            "label",
        ),
        (
            [GAIN, replace(GAIN, videos=9), SAME],
            "motion finds 2 of 3 labels more often; none of these gains is certain on its own with 6 to 9 test videos "
            "per label",
        ),
        (
            [replace(GAIN, videos=1), SAME],
            "motion finds 1 of 2 labels more often; this gain is not certain on its own with 1 test video of the label",
        ),
        (
            [SURE, SURE, GAIN, SAME],
            "motion finds 3 of 4 labels more often; it tells 2 from the others significantly better",
        ),
        ([SURE, SAME], "motion finds 1 of 2 labels more often; it tells 1 from the others significantly better"),
        ([SAME, SAME], "motion finds no label more often"),
    ],
)
def test_the_folded_line_says_what_was_found_and_how_certain_it_is(
    record: Record, labels: list[LabelGain], gist: str
) -> None:
    assert record.comparison.verdict is not None
    verdict = replace(record.comparison.verdict, labels=tuple(labels), pairs=())
    html = render_report(replace(record, comparison=replace(record.comparison, verdict=verdict)))
    assert f">{gist}<" in html
