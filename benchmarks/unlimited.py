"""What a past without end does to accuracy: the stateful mode beside the window's. Prints the table of docs/stream.md.

    python benchmarks/unlimited.py --folder work [--epochs 40] [--data gestures.csv --rate 8]

`cnn_rnn` and the causal `conv3d` are trained on windows, as always. Then each test video is streamed
twice with every model, answered by windows and with an unlimited past: alone, from a state of nothing; and all of them
on end, as one long film in which what goes on changes every few seconds and nobody tells the model. Right is

- `end`: the answer with a video's last frame, when most of it has been seen;
- `settled`: the mean over all answers whose window lies within one video.

Without `--data` the videos are rendered: a small production line, labels that only motion tells apart.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import stillmotion as sm
from stillmotion.clips import Segment, open_videos
from stillmotion.decoding import Images, read_frames
from stillmotion.prediction.videos import load_model

FRAMES, SIDE = 16, 64
MODELS = {
    "cnn_rnn": ("cnn_rnn", {}),
    "conv3d causal=true": ("conv3d", {"causal": True}),
}
PASTS: tuple[Literal["window", "unlimited"], ...] = ("window", "unlimited")


def pictures(segment: Segment, rate: float) -> Images:
    """A video's frames at the rate, whole slots only: uint8 `(n, side, side, 3)`."""
    start, end = segment.window
    times = np.arange(start + 0.5 / rate, end, 1 / rate)
    return read_frames(segment.file, times, SIDE, SIDE).shown_at(times)


def row(stream: sm.StreamModel, films: Sequence[Images], truths: Sequence[int]) -> list[str]:
    """Right at the end and settled, each film alone and all on end."""
    figures: list[float] = []
    for alone in (True, False):
        last, settled = [], []
        for film, truth in zip(films, truths, strict=True):
            answers = [int(moment.probabilities.argmax()) == truth for moment in stream.push(film)]
            last.append(answers[-1])
            settled += answers[-(len(film) - FRAMES + 1) :]
            if alone:
                stream.flush()
        stream.flush()
        figures += [float(np.mean(last)), float(np.mean(settled))]
    return [f"{figure:.1%}" for figure in figures]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where videos and runs are kept")
    parser.add_argument("--data", type=Path, help="other videos than rendered ones")
    parser.add_argument("--rate", type=float, default=10.0, help="frames a second of a clip")
    parser.add_argument("--videos", type=int, default=300, help="how many are rendered")
    parser.add_argument("--epochs", type=int, default=40)
    chosen = parser.parse_args()
    if chosen.data is None:
        chosen.data = chosen.folder / "line"
        sm.make_demo_data(chosen.data, kind="motion", videos=chosen.videos, seed=0)
    parts = sm.split(sm.read_videos(chosen.data), (0.5, 0.1, 0.4), seed=0)
    spec = sm.ClipSpec(FRAMES, chosen.rate, SIDE)

    segments = open_videos(parts[2]).segments
    segments = [segments[at] for at in np.random.default_rng((0,)).permutation(len(segments))]
    segments = [one for one in segments if one.seconds * chosen.rate >= FRAMES + 1]
    films = [pictures(one, chosen.rate) for one in segments]
    print(f"{len(films)} test videos of {len({one.video.group for one in segments})} recordings, "
          f"{sum(map(len, films)) / chosen.rate:.0f} s in all, windows of {FRAMES / chosen.rate:.2g} s\n")  # fmt: skip
    print("| model | past | alone: end | settled | on end: end | settled |\n|---|---|---|---|---|---|")
    for name, (family, options) in MODELS.items():
        run = sm.train(family, *parts[:2], out=chosen.folder / f"{chosen.data.stem}-{family}", spec=spec,
                       epochs=chosen.epochs, **options)  # fmt: skip
        truths = [run.labels.index(one.video.label or "") for one in segments]
        model = load_model(run.model_file)
        for past in PASTS:
            cells = row(sm.stream_model(model, past=past), films, truths)
            print(f"| {name} | {past} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
