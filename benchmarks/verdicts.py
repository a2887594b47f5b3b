"""Does the verdict say what is true? A battery of generated data sets whose truth is known; prints a Markdown table.

    python benchmarks/verdicts.py --out battery [--only direction] [--first 10] [--processes 2]

The sets vary in what distinguishes their labels, how visible that is, the number of recordings, the share of wrong
labels, and whether something else gives the label away. In some of them exactly one rung of the ladder makes the
difference: more than one frame (`moment`, `count`, `pair`), changes without their order (`flicker`, `speed`), or order
(`sequence`). Each set is compared as `stillmotion compare` does it, on 24 x 24 pixels, and the verdict is scored:

    right      it says what is true
    wrong      *motion needed* where the frames without their order show all that there is to see, or where nothing
               does; *stills suffice* where they show nothing
    undecided  with the chance that ideal models would have been decided on

Videos last one second of 8 frames, three or four from each recording, which has its own light. Half of the recordings
are tested on; of 60, all in three folds, as stills can suffice only with 58 groups without a disagreement. `--folds 5`
tests on all recordings of every set. `--seed 1` renders other videos of the same kinds. If interrupted, run the same
command again to resume. `--families frame_pool,conv3d` compares chosen families instead of the rungs of the ladder;
KERAS_BACKEND chooses the backend. `--processes` judges several sets side by side, with the cores divided among them;
`--on ray` judges one after the other, and trains on a cluster.

Each set's row is written into a file of `--rows` as soon as it is judged, and a set that has a row is not judged again.
The battery takes hours; the rows of the published table lie in benchmarks/results/verdicts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np

SIDE, FRAMES, RATE = 24, 8, 8
CLIPS = 3  # of a recording
STRENGTHS = {"obvious": 110, "faint": 30, "invisible": 0}  # of 255, on noise of 12
LIKELY = 0.8
# What sets the labels apart -> the accuracy of ideal models of two labels on each rung of the ladder.
RUNGS = ("one frame", "several frames", "changes", "order", "dense motion")
CUES = {
    "look": (1.0, 1.0, 1.0, 1.0, 1.0),
    "moment": (0.58, 1.0, 1.0, 1.0, 1.0),  # the middle frame is one of the six that may show it
    "count": (0.75, 1.0, 1.0, 1.0, 1.0),
    "pair": (0.5, 1.0, 1.0, 1.0, 1.0),
    "direction": (0.5, 0.5, 1.0, 1.0, 1.0),
    "speed": (0.5, 0.5, 1.0, 1.0, 1.0),
    "flicker": (0.5, 0.5, 1.0, 1.0, 1.0),
    "order": (0.57, 0.5, 1.0, 1.0, 1.0),  # a change from red to blue or from blue to red: seldom in the middle
    "sequence": (0.55, 0.5, 0.5, 1.0, 1.0),  # the first flash is in the middle frame a little less often
    "both": (0.5, 0.5, 1.0, 1.0, 1.0),  # of four labels
    "nothing": (0.5, 0.5, 0.5, 0.5, 0.5),
}
# No frame shows anything of these, or little.
MOVING = ("direction", "speed", "order", "flicker", "sequence", "pair")
OLD = ("look", "direction", "speed", "order", "both", "moment")
NEW = ("count", "pair", "flicker", "sequence")


@dataclass(frozen=True)
class DataSet:
    """A generated data set.

    Attributes:
        cue: what distinguishes the labels.
        strength: how visible that is.
        groups: number of recordings.
        noise: share of wrong labels.
        leak: whether the light gives the label away.
        seed: another number gives other videos of the same kind.
    """

    cue: str
    strength: str
    groups: int
    noise: float = 0.0
    leak: bool = False
    seed: int = 0

    @property
    def name(self) -> str:
        noise, leak = f"-noise{self.noise:g}" if self.noise else "", "-leak" if self.leak else ""
        draw = f"-draw{self.seed}" if self.seed else ""
        return f"{self.cue}-{self.strength}-{self.groups}{noise}{leak}{draw}"

    @property
    def folds(self) -> int:
        return 3 if self.groups >= 60 else 0

    @property
    def labels(self) -> int:
        return 4 if self.cue == "both" else 2

    @property
    def ideal(self) -> tuple[float, ...]:
        """Accuracies of ideal models of each rung against the labels as they are given."""
        chance = 1 / self.labels
        if self.leak:
            accuracies: tuple[float, ...] = (1.0,) * len(RUNGS)
        elif self.strength == "invisible" or self.cue == "nothing":
            accuracies = (chance,) * len(RUNGS)
        else:
            accuracies = CUES[self.cue]
        wrong = self.noise
        return tuple(share * (1 - wrong) + (1 - share) * wrong / (self.labels - 1) for share in accuracies)

    @property
    def still(self) -> float:
        """The accuracy of an ideal still model."""
        return max(self.ideal[:2])

    @property
    def motion(self) -> float:
        """The accuracy of an ideal motion model."""
        return max(self.ideal[2:])

    @property
    def truth(self) -> str:
        if self.motion > self.still + 0.05:
            return "motion needed"
        return "stills suffice" if self.still > 1.2 / self.labels else "undecidable"

    @property
    def rung(self) -> str:
        """The lowest rung that shows all that there is to see."""
        return RUNGS[self.ideal.index(max(self.ideal))] if max(self.ideal) > 1.2 / self.labels else ""


def battery() -> Iterator[DataSet]:
    """48 sets, then 12 in which one rung makes the difference."""
    for cue, groups in product(OLD, (12, 40)):
        yield DataSet(cue, "obvious", groups)
    for cue in OLD:
        yield DataSet(cue, "obvious", 60)
        yield DataSet(cue, "faint", 40)
        yield DataSet(cue, "invisible", 40)
        yield DataSet(cue, "obvious", 40, noise=0.15)
    for groups in (4, 12, 40, 60):
        yield DataSet("nothing", "obvious", groups)
    for cue in ("look", "direction", "speed", "nothing"):
        yield DataSet(cue, "obvious", 40, leak=True)
    for cue in ("look", "direction"):
        yield DataSet(cue, "obvious", 4)
        yield DataSet(cue, "faint", 60)
    for cue in NEW:
        yield DataSet(cue, "obvious", 40)
        yield DataSet(cue, "obvious", 60)
        yield DataSet(cue, "faint", 60)


def draw(data_set: DataSet, label: int, rng: np.random.Generator, light: float) -> np.ndarray:
    """A clip: uint8 `(FRAMES, SIDE, SIDE, 3)`. Single frames of `MOVING` sets tell nothing, or little."""
    amplitude, cue = STRENGTHS[data_set.strength], data_set.cue
    level = light + (35 * (2 * (label % 2) - 1) if data_set.leak else 0)
    clip = np.full((FRAMES, SIDE, SIDE, 3), level, float)
    looks, moves = (label % 2, label // 2) if cue == "both" else (label, label)
    x, y = rng.integers(SIDE), rng.integers(SIDE - 8)
    # Where a square is in each frame. All labels of a set see the same places, one per frame.
    places = 3 * np.arange(FRAMES)
    if cue in ("direction", "both"):
        places *= 2 * moves - 1
    elif cue == "speed":
        places = 3 * _strides(moves, rng)
    elif cue in ("look", "nothing"):
        places *= 0
    for t in range(FRAMES):
        columns = (x + places[t] + np.arange(8)) % SIDE
        if cue in ("look", "both"):
            clip[t, y : y + 8, columns] += amplitude * (2 * looks - 1)
        elif cue in ("direction", "speed", "nothing"):
            clip[t, y : y + 8, columns] += amplitude
    red, blue = 0, 2
    center = np.s_[6:18, 6:18]
    if cue == "moment":  # one red or one blue frame
        clip[int(rng.integers(1, FRAMES - 1)), *center, blue if label == 0 else red] += amplitude
    elif cue == "count":  # two or six of eight frames are red
        for t in rng.permutation(FRAMES)[: 6 if label else 2]:
            clip[t, *center, red] += amplitude
    elif cue == "pair":  # two red or two blue frames, or one of each
        first, second = rng.permutation(FRAMES)[:2]
        color = (red, blue)[int(rng.integers(2))]
        clip[first, *center, color] += amplitude
        clip[second, *center, red + blue - color if label else color] += amplitude
    elif cue == "flicker":  # the same eight levels, in small or in large steps
        levels = (_strides(label, rng) - (FRAMES - 1) / 2) / FRAMES
        clip += 0.7 * amplitude * levels[:, None, None, None]
    elif cue == "order":  # At a fixed time, one frame would tell: a model that sees the middle one learned it.
        change = int(rng.integers(1, FRAMES))
        clip[:change, :, :, blue if label else red] += amplitude / 2
        clip[change:, :, :, red if label else blue] += amplitude / 2
    elif cue == "sequence":  # a red and a blue flash, in either order, with gray before, between and after
        pairs = [(first, second) for first in range(1, FRAMES - 1) for second in range(first + 2, FRAMES - 1)]
        times = pairs[rng.integers(len(pairs))]
        for t, color in zip(times, (red, blue) if label else (blue, red), strict=True):
            clip[t, *center, color] += amplitude
    return np.clip(clip + rng.normal(0, 12, clip.shape), 0, 255).astype(np.uint8)


def _strides(label: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers 0 to 7 in an order whose steps are small (label 0) or large (1), forward or backward."""
    order = (int(rng.integers(FRAMES)) + (1, 3)[label] * np.arange(FRAMES)) % FRAMES
    return order if rng.integers(2) else order[::-1]


def recording(data_set: DataSet, group: int) -> Iterator[tuple[np.ndarray, int]]:
    """The clips of a recording, and the labels that they are given."""
    rng = np.random.default_rng((*data_set.name.encode(), group))
    light = rng.uniform(90, 150)
    for clip in range(max(CLIPS, data_set.labels)):
        label = int((group + clip) % data_set.labels)
        drawn = draw(data_set, label, rng, light)
        yield (
            drawn,
            label
            if rng.random() >= data_set.noise
            else int((label + rng.integers(1, data_set.labels)) % data_set.labels),
        )


def write_videos(data_set: DataSet, folder: Path) -> Path:
    """Write the videos of a set and the table that lists them; recordings hold all labels in turn."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = ["path,label,group"]
    for group in range(data_set.groups):
        for number, (clip, label) in enumerate(recording(data_set, group)):
            write(folder / f"{group}-{number}.mp4", clip)
            lines.append(f"{group}-{number}.mp4,label{label},recording{group}")
    (folder / "videos.csv").write_text("\n".join(lines) + "\n")
    return folder / "videos.csv"


def write(path: Path, clip: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=RATE, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "rgb24"
        for picture in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def judge(data_set: DataSet, out: Path, rows: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Compare as `stillmotion compare` does, and score; the row is written, so that it is not done again."""
    file, folder = rows / f"{data_set.name}.json", out / data_set.name
    if file.exists():
        return json.loads(file.read_text())
    import keras

    import stillmotion as sm
    from stillmotion.models import FAMILIES

    keras.utils.clear_session()
    table = folder / "clips" / "videos.csv"
    if not table.exists():  # It is written last. An interrupted comparison goes on.
        write_videos(data_set, folder / "clips")
    comparison = sm.run_comparison(
        table,
        out=folder / "comparison",
        frames=FRAMES,
        rate="spread",
        size=SIDE,
        fractions=(0.4, 0.1, 0.5) if data_set.groups > 4 else (0.5, 0.25, 0.25),
        **{"folds": data_set.folds} | settings,
    )
    verdict = comparison.verdict
    assert verdict is not None
    accuracies = {rung: 0.0 for rung in RUNGS}
    for name, model in comparison.models.items():
        rung = model.rung or FAMILIES[name].rung
        accuracies[rung] = max(accuracies[rung], model.accuracy.value)
    result = {
        **dataclasses.asdict(data_set),
        "name": data_set.name,
        "truth": data_set.truth,
        "answer": verdict.answer,
        "score": score(data_set, verdict.answer),
        "rung": data_set.rung,
        "test groups": verdict.groups,
        **accuracies,
        "low": verdict.low,
        "high": verdict.high,
        "sentence": verdict.sentence,
        "power": power(data_set, verdict.videos, verdict.groups, folds=comparison.data.cross_validated),
        "warnings": [shortcut.kind for shortcut in comparison.shortcuts if shortcut.warns],
        "version": sm.__version__,
        "backend": keras.backend.backend(),
    }
    shutil.rmtree(folder)
    file.write_text(json.dumps(result, indent=1))
    return result


def score(data_set: DataSet, answer: str) -> str:
    """right, wrong or undecided."""
    if answer == "undecided":
        return "right" if data_set.truth == "undecidable" else "undecided"
    return "right" if answer == data_set.truth else "wrong"


def power(data_set: DataSet, videos: int, groups: int, *, folds: bool, draws: int = 400) -> float:
    """How often ideal models on so many independent videos of so many groups would be decided on.

    The strongest still and the strongest motion rung stand for all, at the levels that the choice of rungs asks for.
    """
    from stillmotion.comparison.choosing import Choice, error_shares

    # With folds, the test videos choose.
    pair = ("several frames", "order")
    stills, motions = RUNGS[:2], RUNGS[2:]
    choice = Choice(stills, motions, error_shares(stills, motions, None if folds else pair))
    rng = np.random.default_rng((7,))
    codes = np.arange(videos) % groups
    still, motion = data_set.still, data_set.motion
    decided = 0
    for _ in range(draws):
        shared = rng.random(videos)  # labels that both get wrong
        frequent = rng.integers(data_set.labels, size=videos) == 0
        decided += is_decided(
            np.array([shared < still, shared < motion, frequent], float),
            codes,
            *(choice.level(name, 0.95) for name in pair),
        )
    return decided / draws


def is_decided(rights: np.ndarray, codes: np.ndarray, still_level: float, motion_level: float) -> bool:
    """As `decide`: the interval is on one side of the margin, and the model that the answer rests on beats guessing.

    `rights` is `(3, n)`: the still model, the motion model, and a model that always predicts the same label. The levels
    are those of the claims that rest on the still and on the motion model.
    """
    from stillmotion.statistics import estimate_mean, proportion_interval

    still, motion, frequent = rights
    gain = estimate_mean(motion - still, codes)
    if gain.interval(motion_level)[0] > 0.05:
        rests_on, level = motion, motion_level
    elif gain.interval(still_level)[1] < 0.05:
        rests_on, level = still, still_level
    else:
        return False
    return bool(
        estimate_mean(rests_on - frequent, codes).interval(level)[0] > 0
        or proportion_interval(rests_on, codes, level)[0] > frequent.mean()
    )


def print_table(rows: list[dict[str, Any]]) -> None:
    columns = ("name", "truth", "rung", "answer", "score", "test groups", *RUNGS, "power", "warnings")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(cell(row.get(column)) for column in columns)} |")
    for title, some in (
        ("battery", [row for row in rows if row["cue"] not in NEW]),
        ("one rung makes the difference", [row for row in rows if row["cue"] in NEW]),
    ):
        count = Counter(row["score"] for row in some)
        print(f"\n{title}: {len(some)} sets, " + ", ".join(f"{count[s]} {s}" for s in ("right", "wrong", "undecided")))
    needs_no_motion = [row for row in rows if row["truth"] != "motion needed"]
    print(f"*motion needed* where motion carries nothing: "
          f"{sum(row['answer'] == 'motion needed' for row in needs_no_motion)} of {len(needs_no_motion)}")  # fmt: skip
    chance = [row for row in rows if row["truth"] != "stills suffice"]
    print(f"*stills suffice* where stills are at chance: "
          f"{sum(row['answer'] == 'stills suffice' for row in chance)} of {len(chance)}")  # fmt: skip
    late = [row for row in rows if row["score"] == "undecided" and row["power"] >= LIKELY]
    print(f"undecided although ideal models would be decided on in 80 % of tests: {len(late)}")
    leaking = [row for row in rows if row["leak"]]
    print(f"leaks that were reported: {sum(bool(row['warnings']) for row in leaking)} of {len(leaking)}")
    blind = [row for row in rows if not row["leak"] and row["cue"] in (*MOVING, "nothing")]
    print(f"warnings where no frame shows anything: {sum(bool(row['warnings']) for row in blind)} of {len(blind)}")
    seen = [row for row in rows if not row["leak"] and row not in blind]
    print(f"where appearance is the label, as allowed for: {sum(bool(row['warnings']) for row in seen)} of {len(seen)}")


def cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("battery"), help="folder for the results")
    parser.add_argument("--rows", type=Path, default=None, help="folder for the rows of the table; by default --out")
    parser.add_argument("--only", default="", help="only sets whose name contains this, or one of several with commas")
    parser.add_argument("--seed", type=int, default=0, help="another number renders other videos of the same kinds")
    parser.add_argument("--first", type=int, default=None, help="number of sets to run")
    parser.add_argument("--families", default="", help="families to compare instead of the ladder's rungs")
    parser.add_argument("--epochs", type=int, default=None, help="maximum number of epochs, if not that of `compare`")
    parser.add_argument("--processes", type=int, default=1, help="sets that are judged side by side")
    parser.add_argument(
        "--folds", type=int, default=None, help="folds for all sets, if not only for those of 60 recordings"
    )
    parser.add_argument("--on", default="local", help="where each comparison trains, see `compare`: such as ray")
    parser.add_argument("--render-only", action="store_true", help="only render the data sets")
    parser.add_argument("--shortcuts-only", action="store_true", help="only look for shortcuts, and train nothing")
    options = parser.parse_args()
    wanted = options.only.split(",")
    sets = [data_set for data_set in battery() if any(part in data_set.name for part in wanted)][: options.first]
    sets = [dataclasses.replace(data_set, seed=options.seed) for data_set in sets]
    rows_folder = options.rows or options.out
    for folder in (options.out, rows_folder):
        folder.mkdir(parents=True, exist_ok=True)
    if options.render_only:
        for data_set in sets:
            print(write_videos(data_set, options.out / data_set.name))
        return
    settings = {"families": options.families.split(",")} if options.families else {}
    settings |= {name: value for name in ("epochs", "folds") if (value := getattr(options, name)) is not None}
    settings |= {"on": "processes:1" if options.processes > 1 else options.on}  # of each comparison
    work = partial(find_shortcuts, out=options.out) if options.shortcuts_only else partial(
        judge, out=options.out, rows=rows_folder, settings=settings
    )  # fmt: skip
    rows = []
    for row in judge_all(work, sets, options.processes):
        rows.append(row)
        print(f"{row['name']}: {row.get('answer', '')} {row.get('score', '')} {cell(row['warnings'])}", flush=True)
    print()
    if not options.shortcuts_only:
        print_table(rows)


def find_shortcuts(data_set: DataSet, out: Path) -> dict[str, Any]:
    """Only the shortcuts of a set."""
    import stillmotion as sm

    file = out / f"{data_set.name}-shortcuts.json"
    if not file.exists():
        shortcuts = sm.find_shortcuts(sm.read_videos(write_videos(data_set, out / data_set.name)))
        file.write_text(json.dumps([shortcut.kind for shortcut in shortcuts if shortcut.warns]))
        shutil.rmtree(out / data_set.name)
    return {"name": data_set.name, "warnings": json.loads(file.read_text())}


def judge_all(work: Any, sets: list[DataSet], processes: int) -> Iterator[dict[str, Any]]:
    """The results, in the order of the sets."""
    if processes == 1:
        yield from map(work, sets)
        return
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    # Read when the backend is imported, which a new process does anew.
    os.environ.update(OMP_NUM_THREADS=threads, TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS=threads)
    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(partial(in_new_process, work), sets)


def in_new_process(work: Any, data_set: DataSet) -> dict[str, Any]:
    """The result of a set, from a process of its own, which leaves no memory behind."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, data_set).result()


if __name__ == "__main__":
    main()
