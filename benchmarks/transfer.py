"""Pretrained backbones: how quickly frames become features, and what they are worth with few clips. Prints tables.

    python benchmarks/transfer.py speed DATA [--backbone efficientnet-lite0] [--rounds 5]
    python benchmarks/transfer.py accuracy DATA [--family frame_pool] [--draws 3] [--frames 8] [--clips 1,2,5,10,all]

`speed` compares `sm.extract_features`, decoding and writing to disk included, with `predict_on_batch` of the same
backbone on frames in memory, at the batch size that is best for it, and with decoding and scaling the same frames
alone. Where both keep all cores busy, no extraction can be faster than one after the other. They take turns, since
other work on a machine changes its speed from minute to minute. The ratios compare each extraction with what ran right
before and after it. Processor time tells more than the clock where other work goes on.

`accuracy` trains a family on 1, 2, 5 and 10 clips per label and on all of them: from nothing, with a head on the frozen
backbone, and with its last stages fine-tuned. All are tested on the same test part, and have the same validation part,
which is not made smaller. The clips of smaller trainings are among those of larger ones.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import stillmotion as sm
from stillmotion.clips import even_windows, frame_times
from stillmotion.features import extraction
from stillmotion.models import default_size

BATCH_SIZES = (1, 4, 8, 16, 32, 64)
FRAMES = 16
WAYS: dict[str, dict[str, Any]] = {
    "from nothing": {"backbone": "small"},
    "frozen": {"backbone": "efficientnet-lite0"},
    "fine-tuned": {"backbone": "efficientnet-lite0", "finetune": True},
}


def speed(data: Path, backbone: str, rounds: int) -> None:
    """Print frames per second of extraction and of the backbone alone."""
    side = sm.BACKBONES[backbone].side
    spec = sm.ClipSpec(FRAMES, size=side)
    requests = [
        sm.FeatureRequest(
            segment.file, np.concatenate([frame_times(spec, w) for w in even_windows(spec, segment.window)])
        )
        for segment in sm.open_videos(sm.read_videos(data))
    ]
    model = sm.build_backbone(backbone, side, side)
    pictures = np.random.default_rng(0).integers(0, 256, (max(BATCH_SIZES), side, side, 3), dtype=np.uint8)

    def alone(batch_size: int) -> Rates:
        batches = max(1, 128 // batch_size)
        with Stopwatch() as watch:
            for _ in range(batches):
                model.predict_on_batch(pictures[:batch_size])
        return watch.rates(batches * batch_size)

    def extracted() -> Rates:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["STILLMOTION_CACHE"] = folder
            with Stopwatch() as watch:
                sm.extract_features(backbone, requests, side, side)
            frames = [sm.cached_features(backbone, *request, side, side).seconds for request in requests]
        return watch.rates(sum(len(np.unique(seconds)) for seconds in frames))

    def decoded() -> Rates:
        jobs = [extraction._Job(Path(), *request, None) for request in requests]
        with Stopwatch() as watch:
            frames = sum(len(chunk.seconds) for _, chunk in extraction._decode_ahead(jobs, side, side))
        return watch.rates(frames)

    for size in BATCH_SIZES:  # compile
        model.predict_on_batch(pictures[:size])
    extraction._built(backbone, side, side).predict_on_batch(pictures[: extraction.BATCH_SIZE])
    by_size = {size: np.median([alone(size) for _ in range(3)], axis=0) for size in BATCH_SIZES}
    best = max(by_size, key=lambda size: float(by_size[size][0]))
    rounds_of = np.array([(alone(best), extracted(), alone(best), decoded()) for _ in range(rounds)])
    backbone_alone, extraction_rates, decoding_alone = (
        rounds_of[:, 0:3:2].mean(axis=1),
        rounds_of[:, 1],
        rounds_of[:, 3],
    )
    in_turn = 1 / (1 / backbone_alone + 1 / decoding_alone)

    print(
        f"{backbone} at {side} x {side}, Keras {keras.__version__} on {keras.backend.backend()}, {os.cpu_count()} cores"
    )
    print("\n| `predict_on_batch` | frames per second | per second of processor time |\n|---|---|---|")
    for size, (wall, processor) in by_size.items():
        print(f"| batch of {size} | {wall:.0f} | {processor:.0f} |")
    print(
        f"\n| {len(requests)} videos, {FRAMES} frames each; median and range of {rounds} rounds | frames per second |",
        end="",
    )
    print(" per second of processor time |\n|---|---|---|")
    for name, rates, digits in (
        (f"`predict_on_batch`, batch of {best}", backbone_alone, 0),
        ("decoding and scaling alone", decoding_alone, 0),
        ("one after the other", in_turn, 0),
        ("`sm.extract_features`, writing included", extraction_rates, 0),
        ("ratio to `predict_on_batch`", extraction_rates / backbone_alone, 2),
        ("ratio to one after the other", extraction_rates / in_turn, 2),
    ):
        cells = [
            f"{np.median(column):.{digits}f} ({column.min():.{digits}f} to {column.max():.{digits}f})"
            for column in rates.T
        ]
        print(f"| {name} | {' | '.join(cells)} |")


class Rates(NamedTuple):
    """Frames per second, by the clock and of processor time."""

    wall: float
    processor: float


class Stopwatch:
    """Measures a block, by the clock and in processor time of all threads."""

    def __enter__(self) -> Stopwatch:
        self.start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.start[0], time.process_time() - self.start[1]

    def rates(self, frames: int) -> Rates:
        return Rates(frames / self.seconds[0], frames / self.seconds[1])


def accuracy(data: Path, family: str, draws: int, frames: int, clips_per_label: Sequence[int | None]) -> None:
    """Print accuracy on the test part by number of training clips."""
    opened = sm.open_videos(sm.read_videos(data))
    train, validation, test = (opened.only(part) for part in sm.split(opened.videos, (0.5, 0.15, 0.35)))
    print(f"{data.name}, {family}, {frames} frames: {len(test)} test videos, {draws} draws of the training clips\n")
    print("| clips per label | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS))
    for count in clips_per_label:
        cells = []
        for settings in WAYS.values():
            results = []
            for draw in range(draws if count else 1):
                chosen = choose(train.videos, count, draw)
                spec = sm.ClipSpec(frames, size=default_size(settings))
                recipe = sm.make_recipe(family, spec=spec, seed=draw, **settings)
                with tempfile.TemporaryDirectory() as folder:
                    run = sm.evaluate(sm.train(recipe, train.only(chosen), validation, out=f"{folder}/run"), test)
                    results.append(sm.compute_metrics([sm.read_predictions(run.predictions_file)]).accuracy.value)
            cells.append(f"{100 * statistics.mean(results):.0f}")
        print(f"| {count or 'all'} | " + " | ".join(cells) + " |", flush=True)


def choose(videos: sm.Videos, count: int | None, draw: int) -> list[sm.Video]:
    """At most `count` videos of each label; smaller choices are among larger ones."""
    order = np.random.default_rng((draw,)).permutation(len(videos))
    shuffled = [videos[int(i)] for i in order]
    seen: Counter[str | None] = Counter()
    chosen = []
    for video in shuffled:
        seen[video.label] += 1
        if count is None or seen[video.label] <= count:
            chosen.append(video)
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    quick = commands.add_parser("speed")
    quick.add_argument("data", type=Path)
    quick.add_argument("--backbone", default="efficientnet-lite0", choices=sm.BACKBONES)
    quick.add_argument("--rounds", type=int, default=5)
    slow = commands.add_parser("accuracy")
    slow.add_argument("data", type=Path)
    slow.add_argument("--family", default="frame_pool", choices=sm.FAMILIES)
    slow.add_argument("--draws", type=int, default=3)
    slow.add_argument("--frames", type=int, default=8)
    slow.add_argument("--clips", default="1,2,5,10,all", help="numbers of training clips per label")
    options = parser.parse_args()
    if options.command == "speed":
        speed(options.data, options.backbone, options.rounds)
    else:
        counts = [None if word == "all" else int(word) for word in options.clips.split(",")]
        accuracy(options.data, options.family, options.draws, options.frames, counts)


if __name__ == "__main__":
    main()
