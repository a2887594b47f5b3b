"""Does the audit name the right cause? Faults are put into a healthy pipeline with real software.

    python benchmarks/audits.py [--data FOLDER] [--folder FOLDER] [--write benchmarks/results/audit.md]

A case is a model, three videos with three snapshots each, and one, two or three faults. Snapshots are saved by Pillow,
OpenCV or FFmpeg; frames are read by OpenCV, PyAV, Keras and TensorFlow, as people write it. Ten videos are rendered,
and encoded at several sizes by several codecs; models are trained on them for a few seconds each. With `--data`, the
folder of real clips, ten of those are used too, with models trained on them. `ffmpeg` must have zimg. The headline
counts all cases; those that change a label are counted beside it. With `--folder`, an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import cv2
import numpy as np
from audit_faults import (
    FRAMES,
    LARGE_SIDE,
    LOOP,
    MODES,
    PREPROCESSING,
    PREPROCESSING_BGR,
    RECORDINGS,
    SNAPSHOTS,
    TONE_MAPPED,
    TOOLS,
    Injection,
    hdr,
    make_reader,
    pillow,
)
from audit_models import Trained, labels_of_rendered, labels_of_videos, make_models, make_videos, real_videos
from scipy.stats import binomtest

import stillmotion as sm
from stillmotion.audit import FAULTS, Noise
from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.auditing import explain_change
from stillmotion.audit.frame_reader import FrameReader
from stillmotion.audit.label_fit import LABEL_ORDER, find_label_fault
from stillmotion.audit.loading import load_audited_model
from stillmotion.audit.sentences import describe_label_fault
from stillmotion.audit.snapshots import Snapshot, read_snapshots
from stillmotion.audit.video_index import IndexedVideo, index_video
from stillmotion.progress import no_progress

SNAPSHOTS_PER_VIDEO = 3
# The share of snapshots that a healthy model labels rightly, for its labels to be put into another order.
KNOWS_LABELS = 0.8
# By kind of case: how many of the named causes count, the aim, and the words of the table.
KINDS = {
    "one fault": (1, "95 %", "one fault: named first"),
    "a tool": (1, "95 %", "defaults of another program: named first"),
    "preprocessing": (2, "", "`keras.applications`, another mode: all among the first two"),
    "labels": (1, "", "labels in another order, of models that know them: named first"),
    "usual loop": (3, "", "the usual OpenCV loop: all among the first three"),
    "two faults": (3, "85 %", "two: both among the first three"),
    "three faults": (4, "", "three: all among the first four"),
    "healthy": (0, "98 %", "healthy: nothing named"),
}


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        kind: a key of `KINDS`.
        truth: ids of the faults that were put in.
        what: how these were made.
        model: the model's name.
        named: ids of the causes that the audit named.
        alternatives: ids of the causes that it named with the first one, as not to be told from it.
        flips: how many snapshots changed their label.
        exact: how many snapshots matched the right frame.
        near: how many matched it or one beside it.
        snapshots: how many there were.
        seconds: of processor time.
        undistorted: whether the snapshots are frames as they are.
    """

    kind: str
    truth: tuple[str, ...]
    what: str
    model: str
    named: tuple[str, ...]
    flips: int
    exact: int
    near: int
    snapshots: int
    seconds: float
    undistorted: bool
    alternatives: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether all that was put in is among the first named; nothing may be named where nothing was put in."""
        first = self.named[: KINDS[self.kind][0]]
        if not self.truth:
            return not self.named
        return all(any(cause in first for cause in put_in.split(" / ")) for put_in in self.truth)

    @property
    def named_first(self) -> bool:
        """Whether the first cause that was named was put in."""
        return bool(self.named) and any(self.named[0] in put_in.split(" / ") for put_in in self.truth)


@dataclass(frozen=True)
class PlannedCase:
    """A case to run: which model, which faults, and whether a frame reader is used without any."""

    kind: str
    model: int
    faults: tuple[Injection, ...]
    with_reader: bool
    seed: int


def plan(trained: Sequence[Trained], each: int, pairs: int, triples: int, healthy: int) -> list[PlannedCase]:
    """Every fault with `each` of the models in turn; pairs and triples at random; healthy pipelines."""
    rng = random.Random(0)
    models = len(trained)
    singles = [*SNAPSHOTS, *FRAMES]
    chosen: list[tuple[str, tuple[Injection, ...], bool]] = []
    chosen += [("one fault", (fault,), False) for fault in singles for _ in range(each)]
    chosen += [("one fault", (fault,), False) for fault in RECORDINGS for _ in range(each)]
    chosen += [("a tool", (fault,), False) for fault in (*TOOLS, TONE_MAPPED) for _ in range(each)]
    chosen += [("usual loop", (LOOP,), False)] * models
    for kind, count, size in (("two faults", pairs, 2), ("three faults", triples, 3)):
        while count:
            sample = tuple(rng.sample(singles, size))
            if any("integers" in fault.what for fault in sample):
                continue  # nothing else can be recognized in zeros and ones
            if len({fault.cause for fault in sample}) == size and len({fault.side for fault in sample}) >= size - 1:
                chosen.append((kind, sample, False))
                count -= 1
    chosen += [("healthy", (), number % 2 == 0) for number in range(healthy)]
    planned = [
        PlannedCase(kind, number % models, faults, reader, number)
        for number, (kind, faults, reader) in enumerate(chosen)
    ]
    planned += _plan_by_model(trained, len(planned))
    rng.shuffle(planned)
    return planned


def _plan_by_model(trained: Sequence[Trained], first_seed: int) -> list[PlannedCase]:
    """For models of the size of `keras.applications`, every mode but their own, and OpenCV's BGR; for all, labels."""
    chosen: list[tuple[str, int, tuple[Injection, ...]]] = []
    for number, model in enumerate(trained):
        if model.side == LARGE_SIDE:
            wrong = [fault for fault in PREPROCESSING if MODES[fault.do] != model.input_range]
            chosen += [("preprocessing", number, (fault,)) for fault in (*wrong, PREPROCESSING_BGR)]
        chosen.append(("labels", number, ()))
    return [
        PlannedCase(kind, number, faults, False, first_seed + index)
        for index, (kind, number, faults) in enumerate(chosen)
    ]


def share_right(audited: AuditedModel, snapshots: Sequence[Snapshot]) -> float:
    """The share of labeled snapshots that get their label."""
    probabilities = audited.predict([audited.feed(snapshot.picture) for snapshot in snapshots])
    predicted = [audited.labels[int(output)] for output in probabilities.argmax(axis=1)]
    return float(np.mean([label == snapshot.label for label, snapshot in zip(predicted, snapshots, strict=True)]))


def run_case(
    planned: PlannedCase, audited: AuditedModel, name: str, videos: Sequence[IndexedVideo], labels: dict[str, str]
) -> Case | None:
    """Make the snapshots and the reader of a case, and audit it. `labels` are those of the videos, by stem.

    None if labels are in another order for a model that does not know them: then nothing tells the order.
    """
    rng = random.Random(planned.seed)
    if any(fault.side == "resize" for fault in planned.faults):  # enlarged frames look alike with most kernels
        larger = [video for video in videos if min(video.facts.height, video.facts.width) > audited.height]
        videos = larger if len(larger) >= 3 else videos
    on_frames = [fault for fault in planned.faults if fault.side not in ("snapshot", "tool")]
    order = list(FAULTS)  # the order in which a picture meets them
    on_snapshots = sorted(
        (fault for fault in planned.faults if fault.side == "snapshot"), key=lambda fault: order.index(fault.cause)
    )
    tool = next((fault for fault in planned.faults if fault.side == "tool"), None)
    record = next((fault.do for fault in planned.faults if fault.side == "recording"), None)
    if tool is TONE_MAPPED:
        record = hdr("arib-std-b67")
    recordings: list[IndexedVideo] = []
    started = time.process_time()
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory() as recorded:
        truth: dict[str, int] = {}
        for video in rng.sample(videos, 6 if planned.kind == "labels" else 3):
            if record:
                recordings.append(index_video(record(video.file, Path(recorded))))
                video = recordings[-1] if tool else video
            # Labeled snapshots, where labels are in question; elsewhere labels would change nothing.
            labeled = labels.get(video.file.stem) if planned.kind in ("labels", "healthy") else None
            stills = Path(temporary) / (labeled or "")
            stills.mkdir(exist_ok=True)
            with av.open(str(video.file)) as container:
                frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            for index in rng.sample(range(8, len(frames) - 6), SNAPSHOTS_PER_VIDEO):
                if tool:
                    file = tool.do(video.file, index, stills)
                    truth[file.name] = index
                    continue
                picture = frames[index]
                options: dict[str, Any] = {}
                for fault in on_snapshots:
                    around = list(frames)
                    around[index] = picture
                    result = fault.do(around, index)
                    picture, options = result if isinstance(result, tuple) else (result, options)
                    picture = np.clip(picture, 0, 255).astype(np.uint8)
                ending = "jpg" if options else rng.choice(["png", "bmp"])
                file = stills / f"{video.file.stem}-{index:04d}.{ending}"
                if ending == "bmp":
                    cv2.imwrite(str(file), cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))
                else:
                    pillow(picture).save(file, **options)
                truth[file.name] = index
        if planned.kind == "labels":  # names in another order than the outputs
            snapshots, _ = read_snapshots(Path(temporary), audited.labels)
            if share_right(audited, snapshots) < KNOWS_LABELS:
                return None
            names = list(audited.labels)
            audited = replace(audited, labels=tuple(names[1:] + names[:1]))
        snapshots, _ = read_snapshots(Path(temporary), audited.labels)
        reader = (
            FrameReader(make_reader(on_frames, audited.input_range or "0..255", audited.height))
            if planned.with_reader or on_frames
            else None
        )
        used = recordings or [
            video for video in videos if any(file.startswith(video.file.stem + "-") for file in truth)
        ]
        comparison, _, causes = explain_change(audited, used, snapshots, reader, Noise(), no_progress)
        label_fault = find_label_fault(audited, comparison)
    named = tuple(cause.id for cause in causes)
    alternatives = tuple(fault.id for fault, _ in causes[0].alternatives) if causes else ()
    if label_fault is not None:
        cause = describe_label_fault(label_fault)
        named, alternatives = (cause.cause, *named), cause.alternatives
    distances = [
        abs(entry.match.index - truth[entry.snapshot.file.name])
        if entry.match and entry.snapshot.file.name.startswith(entry.match.video.file.stem + "-")
        else 10**6
        for entry in comparison.matched
    ]
    causes_put_in = [fault.cause for fault in planned.faults] + [LABEL_ORDER] * (planned.kind == "labels")
    mode = next((MODES[fault.do] for fault in planned.faults if fault.side == "mode"), audited.input_range)
    if (mode == MODES["caffe"]) != (audited.channels == "BGR"):
        causes_put_in.append("channel_order")
    if planned.kind == "usual loop":  # it gives BGR and 0 to 1, which may be right
        wrong = {"channel_order": audited.channels != "BGR", "scaling": audited.input_range != "0..1"}
        causes_put_in = [cause for cause, is_wrong in wrong.items() if is_wrong]
    return Case(
        planned.kind,
        tuple(dict.fromkeys(causes_put_in)),
        " + ".join(fault.what for fault in planned.faults),
        name,
        named,
        sum(attribution.flipped for attribution in comparison.attributions),
        sum(distance == 0 for distance in distances),
        sum(distance <= 1 for distance in distances),
        len(distances),
        time.process_time() - started,
        not on_snapshots and tool is None and not recordings,
        alternatives,
    )


def share(right: int, count: int) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not count:
        return "none"
    ends = binomtest(right, count).proportion_ci(method="wilson")
    return f"{right}/{count} = {right / count:.1%} ({ends.low:.0%} to {ends.high:.0%})"


def table(cases: Sequence[Case]) -> str:
    """The results as Markdown."""
    everything = [case for case in cases if case.kind in ("one fault", "a tool", "preprocessing", "labels")]
    right = share(sum(case.named_first for case in everything), len(everything))
    changing = [case for case in everything if case.flips]
    lines = [
        f"**A single fault is named first in {right} of all cases**, and in "
        f"{share(sum(case.named_first for case in changing), len(changing))} of those in which a video's frames change "
        "their label.",
        "",
        "| case | cases | with a label change | of these, named correctly (95 % interval) | of all | aim |",
        "|---|---|---|---|---|---|",
    ]
    for kind, (_, aim, says) in KINDS.items():
        of_kind = [case for case in cases if case.kind == kind]
        flipping = [case for case in of_kind if case.flips]
        if of_kind:
            of_those, of_all = (
                share(sum(case.right for case in subset), len(subset)) for subset in (flipping, of_kind)
            )
            lines.append(f"| {says} | {len(of_kind)} | {len(flipping)} | {of_those} | {of_all} | {aim} |")
    for name, subset, key in (
        ("undistorted: the exact frame", [case for case in cases if case.undistorted], "exact"),
        ("distorted: within one frame", [case for case in cases if not case.undistorted], "near"),
    ):
        right, count = sum(getattr(case, key) for case in subset), sum(case.snapshots for case in subset)
        lines.append(f"| {name} | {count} snapshots | | | {share(right, count)} | 95 % |")
    lines += ["", "| model | one fault named first, of cases with a label change | of all |", "|---|---|---|"]
    singles = everything
    for model in sorted({case.model for case in singles}):
        lines.append(f"| {model} | {_rights([case for case in singles if case.model == model])} |")
    lines += [
        "",
        "| fault put in | correct, of those that change a label | correct, of all | else named first | named with it |",
        "|---|---|---|---|---|",
    ]
    for what in dict.fromkeys(f"{case.truth[0]}: {case.what}" for case in sorted(singles, key=lambda case: case.truth)):
        of_fault = [case for case in singles if f"{case.truth[0]}: {case.what}" == what]
        wrong = sorted({case.named[0] if case.named else "nothing" for case in of_fault if not case.right})
        together = sorted({other for case in of_fault if case.right for other in case.alternatives})
        lines.append(f"| {what} | {_rights(of_fault)} | {', '.join(wrong)} | {', '.join(together)} |")
    return "\n".join(lines)


def _rights(cases: Sequence[Case]) -> str:
    flipping = [case for case in cases if case.flips]
    return " | ".join(f"{sum(case.right for case in subset)}/{len(subset)}" for subset in (flipping, cases))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=2, help="cases of each single fault, each with another model")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--triples", type=int, default=16)
    parser.add_argument("--healthy", type=int, default=110)
    parser.add_argument("--data", type=Path, help="the folder of real clips [default: rendered ones only]")
    parser.add_argument("--folder", type=Path, help="keeps data, models and results [default: a temporary folder]")
    parser.add_argument("--only", help="run only cases whose kind, faults or model contain this text; keep no results")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this many minutes")
    parser.add_argument("--write", type=Path, help="write the table into this page, between its markers")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "look").is_dir():
            sm.make_demo_data(folder / "look", kind="look", videos=90, seed=0)
        look = sm.read_videos(folder / "look")
        rendered = make_videos(folder, look)
        worlds = {"demo": [index_video(file) for file in rendered]}
        labels = [labels_of_rendered(rendered, look)]
        if chosen.data:
            real = real_videos(chosen.data)
            worlds["real"] = [index_video(file) for file in real]
            tables = [sm.read_videos(chosen.data / "gestures" / f"{name}.csv") for name in ("gestures", "scenes")]
            labels += [labels_of_videos(real, table) for table in tables]
        models = make_models(folder, look, chosen.data)
        planned = plan(models, chosen.each, chosen.pairs, chosen.triples, chosen.healthy)
        kept = folder / "cases.jsonl"
        cases: dict[int, Case] = {}
        if kept.exists() and not chosen.only:
            rows = [json.loads(line) for line in kept.read_text().splitlines()]
            cases = {
                number: Case(**case | {key: tuple(case[key]) for key in ("truth", "named", "alternatives")})
                for number, case in rows
            }
        audited: dict[int, AuditedModel] = {}
        began = time.perf_counter()
        for case_plan in planned:
            model = models[case_plan.model]
            faults = " + ".join(fault.what for fault in case_plan.faults)
            name = f"{case_plan.kind} [{model.name}] {faults}"
            if case_plan.seed in cases or (chosen.only and chosen.only not in name):
                continue
            if time.perf_counter() - began > 60 * chosen.minutes:
                break
            if case_plan.model not in audited:
                ours = (Path(model.file).parent if Path(model.file).is_file() else Path(model.file)) / "run.json"
                facts: dict[str, Any] = {
                    "labels": model.labels,
                    "input_range": model.input_range,
                    "channels": model.channels,
                }
                audited[case_plan.model] = load_audited_model(model.file, **({} if ours.exists() else facts))
            fitting = (names for names in labels if set(names.values()) <= set(model.labels))
            of_videos: dict[str, str] = next(fitting, {})
            case = run_case(case_plan, audited[case_plan.model], model.name, worlds[model.world], of_videos)
            if case is None:
                print(f"  {name}: the model does not know its labels", flush=True)
                continue
            cases[case_plan.seed] = case
            if not chosen.only:
                with kept.open("a") as file:
                    file.write(json.dumps([case_plan.seed, asdict(case)]) + "\n")
            print(
                f"{'+' if case.right else '-'} {case.flips} {name} -> {', '.join(case.named) or 'nothing'}; "
                f"{case.exact}/{case.snapshots} frames exact, {case.seconds:.1f} s",
                flush=True,
            )
    option = " --data ..." if chosen.data else ""
    text = (
        f"{len(cases)} of {len(planned)} cases over {len(models)} models and {sum(map(len, worlds.values()))} videos "
        f"(`python benchmarks/audits.py{option}`):\n\n{table(list(cases.values()))}\n"
    )
    print(text)
    if chosen.write:
        page = chosen.write.read_text(encoding="utf-8")
        start, end = "<!-- benchmark -->\n", "<!-- end of benchmark -->"
        before, after = page.split(start)[0], page.split(end)[1]
        chosen.write.write_text(before + start + text + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
