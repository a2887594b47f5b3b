"""Does the verdict say what is true? A battery of generated data sets whose truth is known; prints a Markdown table.

    python benchmarks/verdicts.py --out battery [--only direction] [--first 10]

The sets vary in what distinguishes their labels, how visible that is, the number of recordings, the share of wrong
labels, and whether something else gives the label away. Both families are trained on each set as `compare` does, on
24 x 24 pixels, and the verdict is scored:

    right      it says what is true
    wrong      *motion needed* where single frames show all that there is to see, or where nothing does; *stills
               suffice* where single frames show nothing
    undecided  with the chance that ideal models would have been decided on and, where that is above 80 %, the chance
               that these models would have been, measured on new recordings. If the first is above 80 % and the second
               below, training fell short; if both are above, the statistics did

Videos last one second of 8 frames, three or four from each recording, which has its own light. Half of the recordings
are tested on; of 60, all in three folds, as stills can suffice only with 55 groups without a disagreement. If
interrupted, run the same command again to resume. A set takes half a minute to four minutes on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np

SIDE, FRAMES, RATE = 24, 8, 8
CLIPS = 3  # of a recording
STRENGTHS = {"obvious": 110, "faint": 30, "invisible": 0}  # of 255, on noise of 12
FRESH = 150  # recordings on which trained models are measured
LIKELY = 0.8
MOVING = ("direction", "speed", "order")


@dataclass(frozen=True)
class DataSet:
    """A generated data set.

    Attributes:
        cue: what distinguishes the labels.
        strength: how visible that is.
        groups: number of recordings.
        noise: share of wrong labels.
        leak: whether the light gives the label away.
    """

    cue: str
    strength: str
    groups: int
    noise: float = 0.0
    leak: bool = False

    @property
    def name(self) -> str:
        leak = "-leak" if self.leak else ""
        return f"{self.cue}-{self.strength}-{self.groups}{f'-noise{self.noise:g}' if self.noise else ''}{leak}"

    @property
    def labels(self) -> int:
        return 4 if self.cue == "both" else 2

    @property
    def ideal(self) -> tuple[float, float]:
        """Accuracies of an ideal still and motion model against the labels as they are given."""
        seen = self.strength != "invisible" and self.cue != "nothing"
        still = {"look": 1.0, "moment": 1.0, "both": 0.5}.get(self.cue, 1 / self.labels) if seen else 1 / self.labels
        motion = 1.0 if seen else 1 / self.labels
        if self.leak:
            still, motion = 1.0, 1.0
        wrong = self.noise
        still, motion = (share * (1 - wrong) + (1 - share) * wrong / (self.labels - 1) for share in (still, motion))
        return still, motion

    @property
    def truth(self) -> str:
        still, motion = self.ideal
        if motion > still + 0.05:
            return "motion needed"
        return "stills suffice" if still > 1.2 / self.labels else "undecidable"


def battery() -> Iterator[DataSet]:
    """48 sets."""
    for cue, groups in product(("look", *MOVING, "both", "moment"), (12, 40)):
        yield DataSet(cue, "obvious", groups)
    for cue in ("look", *MOVING, "both", "moment"):
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


def draw(data_set: DataSet, label: int, rng: np.random.Generator, light: float) -> np.ndarray:
    """A clip: uint8 `(FRAMES, SIDE, SIDE, 3)`. Single frames of `MOVING` sets are alike for all labels."""
    amplitude = STRENGTHS[data_set.strength]
    level = light + (35 * (2 * (label % 2) - 1) if data_set.leak else 0)
    clip = np.full((FRAMES, SIDE, SIDE, 3), level, float)
    looks, moves = (label % 2, label // 2) if data_set.cue == "both" else (label, label)
    x, y = rng.integers(SIDE), rng.integers(SIDE - 8)
    step = {"direction": 3 * (2 * moves - 1), "both": 3 * (2 * moves - 1),
            "speed": (1, 4)[moves] * rng.choice([-1, 1])}.get(data_set.cue, 0)  # fmt: skip
    for t in range(FRAMES):
        columns = (x + step * t + np.arange(8)) % SIDE
        if data_set.cue in ("look", "both"):
            clip[t, y : y + 8, columns] += amplitude * (2 * looks - 1)
        elif data_set.cue in ("direction", "speed"):
            clip[t, y : y + 8, columns] += amplitude
        elif data_set.cue == "order":
            first = (t < FRAMES // 2) == (label == 0)
            clip[t, :, :, 0 if first else 2] += amplitude / 2
        elif data_set.cue == "nothing":
            clip[t, y : y + 8, columns] += amplitude
    if data_set.cue == "moment":
        t = int(rng.integers(1, FRAMES - 1))
        clip[t, 6:18, 6:18, 0 if label else 2] += amplitude
    return np.clip(clip + rng.normal(0, 12, clip.shape), 0, 255).astype(np.uint8)


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


def judge(data_set: DataSet, folder: Path, epochs: int) -> dict[str, Any]:
    """Train, compare, score."""
    import keras

    import stillmotion as sm
    from stillmotion.comparison import require_motion_evidence
    from stillmotion.inspection import describe_shortcuts

    keras.utils.clear_session()
    videos = sm.read_videos(write_videos(data_set, folder / "clips"))
    if data_set.groups >= 60:
        folds = sm.split_folds(videos, 3, seed=0)
    else:
        folds = [sm.split(videos, (0.4, 0.1, 0.5) if data_set.groups > 4 else (0.5, 0.25, 0.25), seed=0)]
    spec = sm.ClipSpec(frames=FRAMES, size=SIDE)
    runs: list[sm.Run] = []
    for (learn, validation, test), family in product(folds, ("frame_pool", "conv3d")):
        out = folder / f"{family}-{len(runs)}"
        run = sm.train(family, learn, validation, out=out, spec=spec, epochs=epochs, batch_size=8)
        runs.append(sm.evaluate(run, test))
    comparison = sm.compare_runs(runs)
    assert comparison.verdict is not None
    tested = [(still, motion, fold[2]) for still, motion, fold in zip(runs[::2], runs[1::2], folds, strict=True)]
    verdict = require_motion_evidence(comparison.verdict, evidence_of(tested, comparison.verdict))
    leaks = describe_shortcuts(sm.find_shortcuts(videos))
    still, motion = (comparison.models[family].accuracy.value for family in ("frame_pool", "conv3d"))
    result = {
        **dataclasses.asdict(data_set),
        "name": data_set.name,
        "truth": data_set.truth,
        "answer": verdict.answer,
        "score": score(data_set, verdict.answer),
        "test groups": verdict.groups,
        "still": still,
        "motion": motion,
        "low": verdict.low,
        "high": verdict.high,
        "power": power(data_set, verdict.videos, verdict.groups),
        "as trained": None,
        "leak reported": bool(leaks),
    }
    if result["score"] == "undecided" and result["power"] >= LIKELY:
        result["as trained"] = power_as_trained(data_set, runs, verdict.groups)
    shutil.rmtree(folder)
    return result


def evidence_of(tested: Sequence[tuple[Any, Any, Any]], verdict: Any) -> Any:
    """The evidence that *motion needed* requires: perturbed clips, and the still model's single frames.

    `tested` has the still run, the motion run and the test part of each fold.
    """
    import stillmotion as sm
    from stillmotion.comparison import gather_evidence, join_folds, read_predictions

    if verdict.statistical_answer == "motion needed":
        for still, motion, test in tested:
            sm.predict_over_time(still, test)
            sm.evaluate_perturbed(motion, test)
    over_time = {verdict.still: [still.over_time_file for still, _, _ in tested]}
    predictions = join_folds([0] * len(tested), [read_predictions(motion.predictions_file) for _, motion, _ in tested])
    return gather_evidence(
        [motion.perturbed_file for _, motion, _ in tested], {}, predictions, over_time, verdict.still
    )


def score(data_set: DataSet, answer: str) -> str:
    """right, wrong or undecided."""
    if answer == "undecided":
        return "right" if data_set.truth == "undecidable" else "undecided"
    return "right" if answer == data_set.truth else "wrong"


def power(data_set: DataSet, videos: int, groups: int, draws: int = 400) -> float:
    """How often ideal models on so many independent videos of so many groups would be decided on."""
    rng = np.random.default_rng((7,))
    codes = np.arange(videos) % groups
    still, motion = data_set.ideal
    decided = 0
    for _ in range(draws):
        shared = rng.random(videos)  # labels that both get wrong
        frequent = rng.integers(data_set.labels, size=videos) == 0
        decided += is_decided(np.array([shared < still, shared < motion, frequent], float), codes)
    return decided / draws


def power_as_trained(data_set: DataSet, runs: Sequence[Any], groups: int, draws: int = 400) -> float:
    """How often these models, still and motion in turn, would be decided on with so many groups of `FRESH` new ones."""
    import keras

    models = [keras.saving.load_model(run.model_file) for run in runs]
    labels = [f"label{number}" for number in range(data_set.labels)]
    rights = []
    for group in range(1000, 1000 + FRESH):
        clips, labeled = zip(*recording(data_set, group), strict=True)
        given = np.array(labeled)
        fold = 2 * (group % (len(models) // 2))
        still, motion = (
            np.array([run.labels.index(labels[label]) for label in given])
            == model.predict_on_batch(np.stack(clips)).argmax(axis=1)
            for run, model in zip(runs[fold : fold + 2], models[fold : fold + 2], strict=True)
        )
        rights.append(np.array([still, motion, given == 0], float))
    rng = np.random.default_rng((8,))
    codes = np.repeat(np.arange(groups), rights[0].shape[1])
    drawn = (np.concatenate([rights[at] for at in rng.integers(FRESH, size=groups)], axis=1) for _ in range(draws))
    return sum(is_decided(table, codes) for table in drawn) / draws


def is_decided(rights: np.ndarray, codes: np.ndarray) -> bool:
    """As `decide`: the interval is on one side of the margin, and the model that the answer rests on beats guessing.

    `rights` is `(3, n)`: the still model, the motion model, and a model that always predicts the same label.
    """
    from stillmotion.statistics import estimate_mean, proportion_interval

    still, motion, frequent = rights
    low, high = estimate_mean(motion - still, codes).interval()
    rests_on = motion if low > 0.05 else still if high < 0.05 else None
    return rests_on is not None and bool(
        estimate_mean(rests_on - frequent, codes).interval()[0] > 0
        or proportion_interval(rests_on, codes)[0] > frequent.mean()
    )


def print_table(rows: list[dict[str, Any]]) -> None:
    columns = (
        "name",
        "truth",
        "answer",
        "score",
        "test groups",
        "still",
        "motion",
        "power",
        "as trained",
        "leak reported",
    )
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(cell(row.get(column)) for column in columns)} |")
    count = Counter(row["score"] for row in rows)
    print(f"\n{len(rows)} sets: " + ", ".join(f"{count[score]} {score}" for score in ("right", "wrong", "undecided")))
    needs_no_motion = [row for row in rows if row["truth"] != "motion needed"]
    print(f"*motion needed* where motion carries nothing: "
          f"{sum(row['answer'] == 'motion needed' for row in needs_no_motion)} of {len(needs_no_motion)}")  # fmt: skip
    chance = [row for row in rows if row["cue"] in (*MOVING, "nothing") and not row["leak"]]
    print(f"*stills suffice* where stills are at chance: "
          f"{sum(row['answer'] == 'stills suffice' for row in chance)} of {len(chance)}")  # fmt: skip
    late = [row for row in rows if row["score"] == "undecided" and row["power"] >= LIKELY]
    print(f"undecided although ideal models would be decided on in 80 % of tests: {len(late)}; "
          f"although these models would be: {sum(row['as trained'] >= LIKELY for row in late)}")  # fmt: skip
    leaking = [row for row in rows if row["leak"]]
    print(f"leaks that were reported: {sum(row['leak reported'] for row in leaking)} of {len(leaking)}")
    blind = [row for row in rows if not row["leak"] and row["cue"] in (*MOVING, "nothing")]
    print(f"warnings where no frame shows anything: {sum(row['leak reported'] for row in blind)} of {len(blind)}")
    seen = [row for row in rows if not row["leak"] and row not in blind]
    print(f"where appearance is the label, as allowed for: {sum(row['leak reported'] for row in seen)} of {len(seen)}")


def cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("battery"), help="folder for the results")
    parser.add_argument("--only", default="", help="only sets whose name contains this")
    parser.add_argument("--first", type=int, default=None, help="number of sets to run")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--render-only", action="store_true", help="only render the data sets")
    options = parser.parse_args()
    rows = []
    for data_set in [data_set for data_set in battery() if options.only in data_set.name][: options.first]:
        if options.render_only:
            print(write_videos(data_set, options.out / data_set.name))
            continue
        file = options.out / f"{data_set.name}.json"
        if not file.exists():
            result = judge(data_set, options.out / data_set.name, options.epochs)
            file.write_text(json.dumps(result, indent=1))
        rows.append(json.loads(file.read_text()))
        print(f"{data_set.name}: {rows[-1]['answer']}, {rows[-1]['score']}", flush=True)
    if rows:
        print()
        print_table(rows)


if __name__ == "__main__":
    main()
