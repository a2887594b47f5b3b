"""Tables of predictions from anywhere: read, compared, or refused in one line."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

import stillmotion as sm
from stillmotion.comparison import read_predictions_by_seed
from stillmotion.errors import StillmotionError, UsageError

Row = dict[str, object]


def rows(right: list[bool], seed: str = "") -> list[Row]:
    table: list[Row] = []
    for i, good in enumerate(right):
        label = "ab"[i % 2]
        chance = 0.8 if good == (label == "a") else 0.2
        row: Row = {"video": f"v{i:03d}", "group": f"g{i // 3}", "label": label, "prob_a": chance, "prob_b": 1 - chance}
        table.append(row | ({"seed": seed} if seed else {}))
    return table


def write(path: Path, table: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


BAD, GOOD = [False] * 90, [True] * 90


def test_the_first_table_is_the_still_models(tmp_path: Path) -> None:
    still, motion = write(tmp_path / "s.csv", rows(BAD)), write(tmp_path / "m.csv", rows(GOOD))
    comparison = sm.compare_tables([still, motion])
    assert comparison.verdict is not None
    assert (comparison.verdict.answer, comparison.verdict.still, comparison.verdict.motion) == (
        "motion needed",
        "s",
        "m",
    )
    assert (comparison.verdict.videos, comparison.verdict.groups) == (90, 30)
    assert comparison.models["m"].kind == "motion"
    turned = sm.compare_tables([motion, still]).verdict
    assert turned is not None
    assert turned.answer == "stills suffice"
    assert turned.difference == -comparison.verdict.difference


def test_parquet_other_order_of_rows_and_labels_is_the_same(tmp_path: Path) -> None:
    still, table = write(tmp_path / "s.csv", rows(BAD)), rows([i % 3 > 0 for i in range(90)])
    in_order = write(tmp_path / "m.csv", table)
    names = ["video", "label", "prob_b", "prob_a", "group"]
    reordered = write(tmp_path / "n.csv", [{name: row[name] for name in names} for row in reversed(table)])
    pq.write_table(pa_csv.read_csv(reordered), tmp_path / "m.parquet")
    assert sm.compare_tables([still, in_order]).verdict == sm.compare_tables([still, tmp_path / "m.parquet"]).verdict


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_and_spaces_in_the_header(tmp_path: Path, delimiter: str) -> None:
    still, table = write(tmp_path / "s.csv", rows(BAD)), rows(GOOD)
    lines = [f"{delimiter} ".join(table[0]), *(delimiter.join(map(str, row.values())) for row in table)]
    (tmp_path / "m.txt").write_text("\n".join(lines), encoding="utf-8-sig")
    comma = sm.compare_tables([still, write(tmp_path / "m.csv", table)]).verdict
    assert sm.compare_tables([still, tmp_path / "m.txt"]).verdict == comma


def test_tables_as_spreadsheets_and_people_write_them(tmp_path: Path) -> None:
    """Semicolons in labels, blanks after texts, decimal commas, empty rows at the end, Parquet by another name."""
    plain = sm.compare_tables([write(tmp_path / "s.csv", rows(BAD)), write(tmp_path / "m.csv", rows(GOOD))]).verdict
    still, motion = ((tmp_path / name).read_text() for name in ("s.csv", "m.csv"))
    (tmp_path / "s.csv").write_text(still.replace(",", ";").replace("0.", "0,") + ";;;;\n;;;;\n")
    (tmp_path / "m.csv").write_text(motion.replace(",a,", ",a ,").replace("prob_a", "prob_ a "))
    assert sm.compare_tables([tmp_path / "s.csv", tmp_path / "m.csv"]).verdict == plain
    for name, text in (("s.csv", still), ("m.csv", motion)):
        (tmp_path / name).write_text(text.replace(",a,", ",a;b;c;d;e,").replace("prob_a", "prob_a;b;c;d;e"))
    assert read_predictions_by_seed(tmp_path / "s.csv")[0].labels == ("a;b;c;d;e", "b")
    pq.write_table(pa_csv.read_csv(tmp_path / "m.csv"), tmp_path / "m")
    assert sm.compare_tables([tmp_path / "s.csv", tmp_path / "m"]).verdict.difference == plain.difference  # type: ignore[union-attr]


def test_of_equal_probabilities_no_column_is_first(tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", rows(GOOD))
    comparisons = []
    for names in (["prob_a", "prob_b"], ["prob_b", "prob_a"]):
        unsure = [{**row, "prob_a": 0.5, "prob_b": 0.5} for row in rows(GOOD)]
        order = ["video", "group", "label", *names]
        comparisons.append(
            sm.compare_tables([write(tmp_path / "tie.csv", [{n: row[n] for n in order} for row in unsure]), good])
        )
    assert [comparison.models["tie"].accuracy.value for comparison in comparisons] == [0.5, 0.5]
    first, second = (comparison.verdict for comparison in comparisons)
    assert first is not None
    assert second is not None
    assert (first.answer, first.sentence) == (second.answer, second.sentence)


def test_windows_of_a_video_are_of_one_group(tmp_path: Path) -> None:
    windows = [{**row, "window": 0} for row in rows(GOOD)]
    windows.append({**windows[0], "window": 1, "group": "elsewhere"})
    with pytest.raises(StillmotionError, match="the video 'v000' has two groups: 'g0', 'elsewhere'"):
        sm.compare_tables([write(tmp_path / "s.csv", windows), write(tmp_path / "m.csv", rows(BAD))])
    other_groups = [{**row, "group": "g9"} if row["video"] == "v003" else row for row in rows(BAD)]
    with pytest.raises(StillmotionError, match="'v003' is in 'g1' and in 'g9'"):
        sm.compare_tables([write(tmp_path / "s.csv", rows(GOOD)), write(tmp_path / "m.csv", other_groups)])


def test_of_several_motion_models_the_interval_is_corrected(tmp_path: Path) -> None:
    half = [i % 2 == 0 for i in range(90)]
    still = write(tmp_path / "s.csv", rows(BAD))
    files = [write(tmp_path / f"{name}.csv", rows(right)) for name, right in (("half", half), ("good", GOOD))]
    both = sm.compare_tables([still, *files]).verdict
    alone = sm.compare_tables([still, files[1]]).verdict
    assert both is not None
    assert alone is not None
    assert both.motion == "good"
    assert both.low < alone.low
    assert both.high == max(contrast.high for contrast in both.contrasts)
    assert both.low < alone.low
    assert both.selected_by == "test_accuracy"
    assert [contrast.motion for contrast in both.contrasts] == ["half", "good"]


def test_stills_suffice_without_correction(tmp_path: Path) -> None:
    """They must against every motion model: two that alone are ruled out are so together."""
    still = write(tmp_path / "s.csv", rows([i > 0 for i in range(90)]))
    wrong = {"a": 1, "b": 2}
    files = [write(tmp_path / f"{name}.csv", rows([i != at for i in range(90)])) for name, at in wrong.items()]
    together = sm.compare_tables([still, *files]).verdict
    assert together is not None
    assert (together.answer, together.level) == ("stills suffice", 0.95)
    alone = [sm.compare_tables([still, file]).verdict for file in files]
    assert together.high == max(verdict.high for verdict in alone if verdict)


def test_stills_suffice_only_if_no_motion_model_may_be_better(tmp_path: Path) -> None:
    right = [i % 6 > 0 for i in range(90)]
    better = [True] * 90
    still = write(tmp_path / "s.csv", rows(right))
    files = [write(tmp_path / f"{name}.csv", rows(predicted)) for name, predicted in (("bad", BAD), ("better", better))]
    assert sm.compare_tables([still, files[0]]).verdict.answer == "stills suffice"  # type: ignore[union-attr]
    assert sm.compare_tables([still, *files], margin=0.16).verdict.answer == "undecided"  # type: ignore[union-attr]


def test_seeds_widen_the_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng((0,))
    still = write(tmp_path / "s.csv", rows(BAD))
    like = [rows(list(rng.random(90) < 0.6), str(seed)) for seed in range(3)]
    far = [rows(list(rng.random(90) < share), str(seed)) for seed, share in enumerate((0.2, 0.6, 1.0))]
    narrow, wide = (
        sm.compare_tables([still, write(tmp_path / f"{name}.csv", [row for seed in trainings for row in seed])]).verdict
        for name, trainings in (("like", like), ("far", far))
    )
    assert narrow is not None
    assert wide is not None
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_the_comparison_can_be_written_and_shown(tmp_path: Path) -> None:
    still, motion = write(tmp_path / "s.csv", rows(BAD)), write(tmp_path / "<m>.csv", rows(GOOD))
    comparison = sm.compare_tables([still, motion])
    sm.write_comparison(comparison, tmp_path / "out")
    assert sm.read_comparison(tmp_path / "out") == comparison
    page = sm.write_report(tmp_path / "out").read_text()
    assert "Motion is needed" in page
    assert "<m>" not in page


def changed(place: int, **values: object) -> list[Row]:
    table = rows(GOOD)
    table[place] = table[place] | values
    return table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (rows(GOOD)[:-1], "tested on different videos: 1 differ"),
        (changed(3, video="other"), "tested on different videos: 2 differ"),
        (changed(4, label="b"), r"tested on different videos: 1 differ \(v004\)"),
        (changed(4, group="elsewhere"), "different groups"),
        (changed(4, label="c"), "no probabilities for the label 'c'"),
        (changed(4, prob_a="nan"), "row 6: a probability of the video 'v004' is missing or not a number"),
        (changed(4, prob_a=""), "is missing or not a number"),
        (changed(4, prob_a="high"), r"row 6: prob_a is 'high', which is not a number; a probability is from 0 to 1"),
        (changed(4, prob_a="80.0%"), r"row 6: prob_a is '80.0%'"),
        (changed(4, prob_a=3.5), "is not between 0 and 1"),
        (changed(4, prob_a=0.1, prob_b=0.1), "do not add up to 1"),
        (changed(4, video="v003"), "rows 5 and 6 are both for the video 'v003'"),
        (changed(4, video=""), "row 6 has no video"),
        ([row | {"seed": "" if i == 7 else "1"} for i, row in enumerate(rows(GOOD))], "row 9 has no seed"),
        ([{name.title(): value for name, value in row.items()} for row in rows(GOOD)], "write them in small letters"),
        ([row | {"prob_c": 0.0} for row in rows(GOOD)], "no column prob_c"),
        ([{name: value for name, value in row.items() if name != "label"} for row in rows(GOOD)], "no column label"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path: Path, table: list[Row], words: str) -> None:
    still = write(tmp_path / "s.csv", rows(BAD))
    with pytest.raises(StillmotionError, match=words) as error:
        sm.compare_tables([still, write(tmp_path / "m.csv", table)])
    assert "\n" not in str(error.value)


def test_labels_may_be_numbers(tmp_path: Path) -> None:
    table: list[Row] = [{"video": i, "label": i % 2, "prob_0": 0.5, "prob_1": 0.5} for i in range(20)]
    still = write(tmp_path / "s.csv", table)
    numbers = pa_csv.read_csv(still).to_pylist()
    floats = pa.table({name: [float(row[name]) for row in numbers] for name in numbers[0]})
    pq.write_table(floats, tmp_path / "m.parquet")
    assert sm.compare_tables([still, tmp_path / "m.parquet"]).verdict is not None


def test_more_than_there_is_memory_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_csv(*_: object, **__: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 9 failed")

    monkeypatch.setattr(pa_csv, "read_csv", read_csv)
    with pytest.raises(StillmotionError, match=r"s\.csv: too large for this machine's memory"):
        read_predictions_by_seed(write(tmp_path / "s.csv", rows(BAD)))


def test_a_column_twice(tmp_path: Path) -> None:
    still = write(tmp_path / "s.csv", rows(BAD))
    text = still.read_text().replace("prob_b", "prob_a", 1)
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(StillmotionError, match="two columns 'prob_a'"):
        sm.compare_tables([still, tmp_path / "m.csv"])


def test_calls_that_are_wrong(tmp_path: Path) -> None:
    still = write(tmp_path / "s.csv", rows(BAD))
    with pytest.raises(UsageError, match="two or more tables"):
        sm.compare_tables([still])
    with pytest.raises(UsageError, match="given twice"):
        sm.compare_tables([still, still])
    with pytest.raises(UsageError, match=r"none\.csv: no such file"):
        sm.compare_tables([still, tmp_path / "none.csv"])
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(StillmotionError, match="not a readable table"):
        sm.compare_tables([still, tmp_path / "empty.csv"])
    alike = write(tmp_path / "alike.csv", [row for row in rows(BAD) if row["label"] == "a"])
    with pytest.raises(StillmotionError, match="all videos have the label 'a'"):
        sm.compare_tables([alike, write(tmp_path / "like.csv", [row for row in rows(GOOD) if row["label"] == "a"])])
    (tmp_path / "open.csv").write_text('video,label,prob_a,prob_b\nv0,"a,1,0\n' + 3_000_000 * "x")
    with pytest.raises(StillmotionError, match="is a quotation mark not closed"):
        sm.compare_tables([still, tmp_path / "open.csv"])
    (tmp_path / "bare.csv").write_text("video,label,prob_a,prob_b\n")
    with pytest.raises(StillmotionError, match="has no rows"):
        sm.compare_tables([still, tmp_path / "bare.csv"])


def test_the_verdict_alone_is_that_of_the_comparison(tmp_path: Path) -> None:
    still, motion = write(tmp_path / "s.csv", rows(BAD)), write(tmp_path / "m.csv", rows(GOOD))
    alone = sm.decide_on_tables([still, motion], margin=0.1)
    assert alone == sm.compare_tables([still, motion], margin=0.1).verdict
    assert alone.margin == 0.1
    assert [warning.code for warning in alone.warnings] == ["not_checked"]
    for call in (sm.decide_on_tables, sm.compare_tables):
        with pytest.raises(UsageError, match="margin is 5"):
            call([still, motion], margin=5)


def test_tables_are_not_runs(tmp_path: Path) -> None:
    """Each function takes one kind of input."""
    still, motion = write(tmp_path / "s.csv", rows(BAD)), write(tmp_path / "m.csv", rows(GOOD))
    with pytest.raises(StillmotionError, match="not a run"):
        sm.compare_runs([still, motion])


def test_a_comparison_of_tables_describes_its_data(tmp_path: Path) -> None:
    table = [row for row in rows(GOOD) if row["video"] != "v000"]
    still = write(tmp_path / "s.csv", table)
    motion = write(tmp_path / "m.csv", [row for row in rows(BAD) if row["video"] != "v000"])
    comparison = sm.compare_tables([still, motion])
    data = comparison.data
    assert (data.videos, data.groups) == ({"test": 89}, {"test": 30})
    assert data.videos_per_label == {"a": 44, "b": 45}
    assert data.labels == ("a", "b")
    assert (comparison.recommendation, comparison.evidence) == (None, None)
    assert {name: result.kind for name, result in comparison.models.items()} == {"s": "still", "m": "motion"}
    assert {result.spec for result in comparison.models.values()} == {None}


def test_models_are_named_after_their_files_or_folders(tmp_path: Path) -> None:
    for folder in ("pool", "conv"):
        (tmp_path / folder).mkdir()
    same = [
        write(tmp_path / folder / "predictions.csv", rows(right)) for folder, right in (("pool", BAD), ("conv", GOOD))
    ]
    assert list(sm.compare_tables(same).models) == ["pool/predictions", "conv/predictions"]
    other_table = write(tmp_path / "other.csv", rows(GOOD))
    assert list(sm.compare_tables([same[0], other_table]).models) == ["predictions", "other"]


def test_the_seed_is_that_of_the_bootstrap(tmp_path: Path) -> None:
    """Of macro-F1, whose interval may be wider than that of accuracy."""
    right = np.random.default_rng((1,)).random(200) < 0.6
    still = write(tmp_path / "s.csv", [row | {"group": row["video"]} for row in rows(right.tolist())])
    motion = write(tmp_path / "m.csv", [row | {"group": row["video"]} for row in rows([True] * 200)])
    first, repeated, other_seed = (
        sm.compare_tables([still, motion], seed=seed).models["s"].macro_f1 for seed in (0, 0, 1)
    )
    assert first == repeated
    assert first.value == other_seed.value
    assert first != other_seed


def with_columns(path: Path, **columns: Callable[[int], object]) -> Path:
    """A table of 40 videos, each its own group, with these columns."""
    return write(path, [{"video": f"v{n}", **{name: value(n) for name, value in columns.items()}} for n in range(40)])


def test_one_column_of_probabilities_is_enough_for_two_labels(tmp_path: Path) -> None:
    def score(n: int) -> float:
        return 0.9 if n % 2 == (n % 5 > 0) else 0.2

    one = with_columns(tmp_path / "one.csv", label=lambda n: n % 2, prob=score)
    named = with_columns(tmp_path / "named.csv", label=lambda n: n % 2, prob_1=score)
    both = with_columns(tmp_path / "both.csv", label=lambda n: n % 2, prob_0=lambda n: 1 - score(n), prob_1=score)
    booleans = with_columns(tmp_path / "booleans.csv", label=lambda n: n % 2 == 1, prob=score)
    expected = sm.read_predictions(both)
    for path in (one, named):
        assert sm.read_predictions(path).labels == ("0", "1")
        np.testing.assert_allclose(sm.read_predictions(path).probabilities, expected.probabilities)
    assert [label.lower() for label in sm.read_predictions(booleans).labels] == ["false", "true"]
    np.testing.assert_allclose(sm.read_predictions(booleans).probabilities, expected.probabilities)


@pytest.mark.parametrize(
    ("label", "column", "words"),
    [
        (lambda n: "ab"[n % 2], "prob", r"prob does not say which label it is .* name it prob_<label> .*\['a', 'b'\]"),
        (lambda n: n % 3, "prob", "prob does not say which label"),
        (
            lambda n: "abc"[n % 3],
            "prob_a",
            r"prob_a is its only column .* enough for two labels; rows have \['a', ",
        ),
    ],
)
def test_one_column_of_probabilities_must_say_of_which_label(
    tmp_path: Path, label: Callable[[int], object], column: str, words: str
) -> None:
    with pytest.raises(StillmotionError, match=words):
        sm.read_predictions(with_columns(tmp_path / "t.csv", label=label, **{column: lambda n: 0.3}))


def test_predicted_labels_are_enough(tmp_path: Path) -> None:
    """A model may never give a label that another one gives."""
    still = with_columns(tmp_path / "still.csv", label=lambda n: "ab"[n % 2], prediction=lambda n: "a")
    motion = with_columns(tmp_path / "motion.csv", label=lambda n: "ab"[n % 2], prediction=lambda n: "abc"[n % 3])
    models = sm.compare_tables([still, motion]).models
    assert models["still"].accuracy.value == 0.5
    assert models["motion"].accuracy.value == pytest.approx(sum(n % 2 == n % 3 for n in range(40)) / 40)
    assert models["still"].confusion == ((20, 0, 0), (20, 0, 0), (0, 0, 0))
    missing = with_columns(tmp_path / "x.csv", label=lambda n: "ab"[n % 2], prediction=lambda n: "" if n == 3 else "a")
    with pytest.raises(StillmotionError, match="row 5 has no prediction"):
        sm.read_predictions(missing)


def falls(path: Path, found: float, spared: float, *, videos: int, seed: int) -> Path:
    """One video in 20 is a fall, of which a share is found; of the others, a share is spared a false alarm."""
    rng, table = np.random.default_rng(seed), []
    for n in range(videos):
        fall = n % 20 == 0
        right = rng.random() < (found if fall else spared)
        label, probability = "fall" if fall else "no fall", 0.93 if fall == right else 0.07
        row: Row = {"video": f"v{n}", "label": label, "group": f"r{n // 4}"}
        table.append(row | {"prob_no fall": 1 - probability, "prob_fall": probability})
    return write(path, table)


@pytest.mark.parametrize("videos", [1200, 6000])
def test_stills_never_suffice_where_falls_are_lost(tmp_path: Path, videos: int) -> None:
    """From 17 to 90 % of the falls found, and 4 points of accuracy."""
    tables = [
        falls(tmp_path / "still.csv", 0.17, 0.999, videos=videos, seed=1),
        falls(tmp_path / "motion.csv", 0.9, 0.995, videos=videos, seed=2),
    ]
    comparison = sm.compare_tables(tables)
    assert comparison.verdict is not None
    assert comparison.verdict.answer == "undecided"
    assert 'misses "fall"' in comparison.verdict.sentence
    assert "compare_balanced" in [advice.code for advice in comparison.advice]
    balanced = [result.balanced_accuracy for result in comparison.models.values()]
    assert [estimate.value for estimate in balanced] == pytest.approx([0.585, 0.95], abs=0.04)
    assert balanced[0].high < balanced[1].low
    by_label = sm.compare_tables(tables, metric="balanced").verdict
    assert by_label is not None
    assert (by_label.answer, by_label.metric) == ("motion needed", "balanced")
