"""A comparison folder without a model: 3 models, 4 labels, 60 test videos, predictions over time, tiny videos.

`python -m helpers.comparisons OUT` in `tests` writes one with its page, to look at.
"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from helpers.predictions import predictions
from stillmotion.comparison import (
    BestFrameEvidence,
    Comparison,
    ConditionResult,
    ContenderResult,
    Evidence,
    LearningPoint,
    RatePredictions,
    RateResult,
    SearchRecord,
    SharePredictions,
    TemporalStability,
    compare_rates,
    compare_runs,
    compare_shares,
    complete_comparison,
    write_comparison,
)
from stillmotion.inspection import Shortcut
from stillmotion.statistics import Floats
from stillmotion.training.efforts import Trial

LABELS = ("forward", "backward", "jam", "two stations")
SKILL = {"frame_pool": 0.32, "cnn_rnn": 0.85, "conv3d": 0.95}
VALIDATION = {"frame_pool": 0.3, "cnn_rnn": 0.86, "conv3d": 0.93}
SECONDS, RATE = 2.0, 15
# Families by rung, and their accuracy.
LADDER = {
    "one frame": ("single_frame", 0.36),
    "several frames": ("frame_pool", 0.4),
    "changes": ("frame_changes", 0.6),
    "order": ("frame_sequence", 0.85),
    "dense motion": ("conv3d", 0.95),
}


def fabricate(
    folder: Path,
    *,
    skill: dict[str, float] | None = None,
    labels: Sequence[str] = LABELS,
    seeds: int = 1,
    videos: int = 60,
    encoded: int = 60,
) -> Path:
    """Write a comparison's folder and return it.

    Args:
        folder: where to write.
        skill: accuracy by family.
        labels: the class names.
        seeds: number of trainings of each family.
        videos: number of test videos.
        encoded: how many of them have a file.
    """
    data = folder / "clips"
    rows = [
        {
            "path": f"clip {i:03d}.mp4",
            "label": labels[i % len(labels)],
            "group": f"shift {i // 2}",
            "part": "test",
        }
        for i in range(videos)
    ]
    for i, row in enumerate(rows[:encoded]):
        encode_video(data / row["path"], i)
    more = [
        dict(row, path=f"{part}/{row['path']}", group=f"{part} {row['group']}", part=part)
        for part in ("train", "validation")
        for row in rows
    ]
    runs = []
    for family, accuracy in (skill or SKILL).items():
        for seed in range(seeds):
            run = folder / "runs" / f"{family}-seed{seed}"
            write_run(run, family, seed, accuracy, rows, labels)
            record = run_record(
                family,
                seed,
                labels,
                {
                    "root": str(data),
                    "fingerprint": "c0ffee" * 4,
                    "videos": [*rows, *more],
                    "skipped": [["broken <1>.mp4", "empty file (0 bytes)"]],
                },
            )
            (run / "run.json").write_text(json.dumps(record))
            runs.append(run)
    write_comparison(with_evidence(compare_runs(runs, relative_to=folder)), folder)
    return folder


def fabricate_ladder(folder: Path, skill: Mapping[str, float] | None = None, *, encoded: int = 60) -> Path:
    """Write the folder of a comparison of rungs, and return it.

    Args:
        folder: where to write.
        skill: accuracy by rung.
        encoded: how many of the videos have a file.
    """
    accuracies = {rung: accuracy for rung, (_, accuracy) in LADDER.items()} | dict(skill or {})
    fabricate(folder, skill={family: accuracies[rung] for rung, (family, _) in LADDER.items()}, encoded=encoded)
    runs = {rung: [folder / "runs" / f"{family}-seed0"] for rung, (family, _) in LADDER.items()}
    comparison = with_evidence(compare_runs(runs, relative_to=folder))
    models = {
        rung: replace(result, contenders=contenders(str(result.family), result.accuracy.value))
        for rung, result in comparison.models.items()
    }
    write_comparison(
        complete_comparison(
            replace(comparison, models=models),
            evidence=comparison.evidence,
            shortcuts=comparison.shortcuts,
            examples=comparison.examples,
        ),
        folder,
    )
    return folder


def contenders(family: str, accuracy: float) -> tuple[ContenderResult, ...]:
    """Two contenders of a rung, the second of which was chosen."""
    return (
        ContenderResult(f"{family} small", family, {"backbone": "small"}, (accuracy - 0.1,), (1.1,)),
        ContenderResult(
            f"{family} efficientnet-lite0", family, {"backbone": "efficientnet-lite0"}, (accuracy,), (0.9,), (0,)
        ),
    )


def rates(accuracies: Mapping[int, float], videos: int = 120) -> tuple[RateResult, ...]:
    """Results by the number of frames. A video that is right with some accuracy is right with any higher one."""
    return compare_rates(
        [
            RatePredictions(frames, "spread", [predictions(np.arange(videos) % 20 < round(20 * accuracy))])
            for frames, accuracy in accuracies.items()
        ]
    )


def learning(models: Mapping[str, Sequence[float]], videos: int = 120) -> tuple[LearningPoint, ...]:
    """Points of models by their accuracy with 25, 50 and 100 % of 48 groups, likewise."""
    return compare_shares(
        {
            name: [
                SharePredictions(
                    share,
                    round(48 * share),
                    round(96 * share),
                    [predictions(np.arange(videos) % 20 < round(20 * value))],
                )
                for share, value in zip((0.25, 0.5, 1.0), accuracies, strict=True)
            ]
            for name, accuracies in models.items()
        }
    )


def with_evidence(comparison: Comparison) -> Comparison:
    """Add what `run_comparison` adds to `compare_runs`: searches, memory, evidence, shortcuts, rates, learning."""
    settings = (("the defaults", 0.003, False), ("a third of the learning rate", 0.001, True))
    trials = tuple(
        Trial(name, rate, 0.01, 0.2, 16, "spread", 20, 21.5, 0.5 + rate, 1.0, chosen) for name, rate, chosen in settings
    )
    models = {
        name: replace(
            result,
            searches=(SearchRecord("standard", None, 40, trials),),
            cost=replace(result.cost, peak_megabytes=420.0),
        )
        for name, result in comparison.models.items()
    }
    evidence = Evidence(
        perturbed=(
            ConditionResult("as it is", 0.9, 0.0, -0.1, 0.1),
            ConditionResult("<reversed>", 0.3, -0.6, -0.8, -0.4),
        ),
        retrained=(
            ConditionResult("shuffled", 0.7, -0.2, -0.35, -0.05),
            ConditionResult("frozen", 0.4, -0.5, -0.7, -0.3),
        ),
        best_frame=BestFrameEvidence(0.3, 0.32, 0.33, 0.9, 0.88, 0.9, -0.7, -0.4, False),
        stability={name: TemporalStability(0.4, 0.25, 0.3, 2.5, 0.2, 60) for name in models},
    )
    shortcuts = (
        Shortcut("brightness", 0.6, 0.25, 0.5, 0.7, True),
        Shortcut("group", 0.5, 0.25, 0.4, 0.6, True, expected=True),
    )
    verdict = comparison.verdict
    pair = {verdict.still: (0.3, 0.35, 0.35), verdict.motion: (0.5, 0.75, 0.9)} if verdict else {}
    measured = replace(
        comparison,
        models=models,
        rates=rates({2: 0.4, 4: 0.65, 8: 0.85, 16: 0.85, 32: 0.85}),
        learning=learning(pair),
    )
    return complete_comparison(measured, evidence=evidence, shortcuts=shortcuts, examples=comparison.examples)


def encode_video(path: Path, index: int) -> None:
    """Write two seconds of a part that moves, 96x54."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng((index,))
    base = np.kron(rng.integers(90, 150, (9, 16, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 54, "yuv420p"
        for step in range(round(SECONDS * RATE)):
            picture = base.copy()
            at = round(5 + 70 * step / (SECONDS * RATE)) if index % 2 == 0 else round(75 - 70 * step / (SECONDS * RATE))
            picture[18:36, at : at + 16] = (230, 190, 60)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_run(
    folder: Path, family: str, seed: int, accuracy: float, rows: list[dict[str, str]], labels: Sequence[str]
) -> None:
    """Write predictions.parquet, over_time.parquet and history.csv with plausible numbers."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng((seed, *family.encode()))
    still, classes = family == "frame_pool", len(labels)
    predictions, over_time = [], []
    for row in rows:
        truth = labels.index(row["label"])
        predicted = truth if rng.random() < accuracy else int(rng.integers(classes))
        confidence = rng.uniform(0.35, 0.5) if still else rng.uniform(0.6, 0.98)
        final = np.full(classes, (1 - confidence) / (classes - 1))
        final[predicted] = confidence
        name: dict[str, object] = {"video": row["path"]}
        facts: dict[str, object] = {"label": row["label"], "group": row["group"], "window": 0, "start_seconds": 0.0}
        predictions.append(name | facts | {"end_seconds": SECONDS} | probabilities(labels, final))
        for second in np.linspace(0.05, SECONDS - 0.05, 16):
            grown = 0.15 + 0.85 * (second / SECONDS) ** 1.5
            mix = np.full(classes, 1 / classes) * (1 - grown) + final * grown
            noisy = final * rng.uniform(0.5, 1.6, classes) if still else mix * rng.uniform(0.95, 1.05, classes)
            over_time.append(name | {"seconds": float(second)} | probabilities(labels, noisy / noisy.sum()))
    pq.write_table(pa.Table.from_pylist(predictions), folder / "predictions.parquet")
    pq.write_table(pa.Table.from_pylist(over_time), folder / "over_time.parquet")
    with (folder / "history.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"])
        for epoch in range(1, 41):
            learned = 1 - np.exp(-epoch / 9)
            train = 0.25 + (0.99 - 0.25) * learned if not still else 0.25 + 0.5 * learned
            value = float(np.clip(0.25 + (accuracy - 0.25) * learned + rng.normal(0, 0.03), 0, 1))
            writer.writerow([epoch, 1.4 - train, train, 1.5 - value, value, 0.003, 1.3])


def probabilities(labels: Sequence[str], values: Floats) -> dict[str, object]:
    """The columns of one row."""
    return {f"prob_{label}": float(value) for label, value in zip(labels, values, strict=True)}


def run_record(family: str, seed: int, labels: Sequence[str], data: dict[str, object]) -> dict[str, object]:
    """run.json."""
    frames = 1 if family == "single_frame" else 16
    cost = {"frame_pool": 4.1, "cnn_rnn": 6.3, "conv3d": 9.8}.get(family, 5.0)
    return {
        "format": 1,
        "recipe": {"family": family, "seed": seed, "options": {"preset": "standard"}, "spec": {"frames": frames}},
        "labels": list(labels),
        "data": data,
        "versions": {"stillmotion": "0.1.0", "keras": "3.15.1", "backend": "tensorflow", "python": "3.11.9"},
        "training": {
            "epochs": 40,
            "best_epoch": 33,
            "seconds": 30 + 10 * cost,
            "validation_loss": 0.4,
            "validation_accuracy": VALIDATION.get(family, 0.5),
        },
        "cost": {"parameters": round(cost * 31000), "milliseconds_per_clip": cost, "frames_per_second": 16000 / cost},
    }


if __name__ == "__main__":
    from stillmotion.reports import write_report

    print(write_report(fabricate(Path(sys.argv[1]) / "families")))
    print(write_report(fabricate_ladder(Path(sys.argv[1]) / "ladder")))
