"""Does the audit name the right cause? Faults are put into a healthy pipeline by real software, and it is asked.

    python benchmarks/audits.py [--data FOLDER] [--folder KEPT] [--write benchmarks/results/audit.md]

A case is a model, three videos, three moments of each, and one, two or three faults. Snapshots are saved by Pillow,
OpenCV or FFmpeg, frames read by OpenCV, PyAV, Keras and TensorFlow as people write it. Ten videos are rendered and
coded at several sizes and by several codecs; models are trained on them for a few seconds each. With `--data`, the
folder of real clips, ten of those are asked about too, by models trained on them. Every case is told; what changes no
label is counted apart. With `--folder` a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import cv2
import numpy as np
from audit_faults import FRAMES, LOOP, SNAPSHOTS, TOOLS, Injection, make_reader, pillow
from audit_models import make_models, make_videos, real_videos
from scipy.stats import binomtest

import stillmotion as sm
from stillmotion.audit import FAULTS
from stillmotion.audit.audited_model import AuditedModel, load_audited_model
from stillmotion.audit.auditing import explain_change
from stillmotion.audit.reading import Reader
from stillmotion.audit.records import Noise
from stillmotion.audit.snapshots import read_snapshots
from stillmotion.audit.video_index import IndexedVideo, index_video

MOMENTS = 3  # of each of three videos
# How many of the causes named count, by the kind of case; its bar; and how the table says it.
KINDS = {
    "one fault": (1, "95 %", "one fault: named first"),
    "a tool": (1, "95 %", "what another program does by default: named first"),
    "usual loop": (3, "", "the usual OpenCV loop: all among the first three"),
    "two faults": (3, "85 %", "two: both among the first three"),
    "three faults": (4, "", "three: all among the first four"),
    "healthy": (0, "98 %", "healthy: nothing accused"),
}


@dataclass(frozen=True)
class Case:
    """What was put in, what was said, how many moments were right, and the seconds of processor time it took."""

    kind: str
    truth: tuple[str, ...]
    what: str
    model: str
    named: tuple[str, ...]
    flips: int
    exact: int
    near: int
    moments: int
    seconds: float
    undistorted: bool

    @property
    def right(self) -> bool:
        """All that was put in is among the first so many named; nothing, where nothing was put in."""
        first = self.named[: KINDS[self.kind][0]]
        if not self.truth:
            return not self.named
        return all(any(cause in first for cause in put_in.split(" / ")) for put_in in self.truth)


@dataclass(frozen=True)
class Planned:
    """A case to come: which of the models, which faults, and whether frames are read by a reader."""

    kind: str
    model: int
    faults: tuple[Injection, ...]
    with_reader: bool
    seed: int


def plan(models: int, each: int, pairs: int, triples: int, healthy: int) -> list[Planned]:
    """Every fault with `each` of the models in turn; pairs and triples at random; healthy pipelines."""
    rng = random.Random(0)
    every = [*SNAPSHOTS, *FRAMES]
    chosen: list[tuple[str, tuple[Injection, ...], bool]] = []
    chosen += [("one fault", (fault,), False) for fault in every for _ in range(each)]
    chosen += [("a tool", (fault,), False) for fault in TOOLS for _ in range(each)]
    chosen += [("usual loop", (LOOP,), False)] * models
    for kind, count, size in (("two faults", pairs, 2), ("three faults", triples, 3)):
        while count:
            some = tuple(rng.sample(every, size))
            if any("whole numbers" in fault.what for fault in some):
                continue  # of zeros and ones nothing else can be told
            if len({fault.cause for fault in some}) == size and len({fault.side for fault in some}) >= size - 1:
                chosen.append((kind, some, False))
                count -= 1
    chosen += [("healthy", (), number % 2 == 0) for number in range(healthy)]
    planned = [
        Planned(kind, number % models, faults, reader, number) for number, (kind, faults, reader) in enumerate(chosen)
    ]
    rng.shuffle(planned)
    return planned


def run_case(one: Planned, subject: AuditedModel, name: str, reels: Sequence[IndexedVideo]) -> Case:
    rng = random.Random(one.seed)
    on_frames = [fault for fault in one.faults if fault.side not in ("snapshot", "tool")]
    order = list(FAULTS)  # in which a picture meets them
    on_snapshots = sorted(
        (fault for fault in one.faults if fault.side == "snapshot"), key=lambda fault: order.index(fault.cause)
    )
    tool = next((fault for fault in one.faults if fault.side == "tool"), None)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as temporary:
        truth: dict[str, int] = {}
        for reel in rng.sample(reels, 3):
            with av.open(str(reel.file)) as container:
                frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            for index in rng.sample(range(8, len(frames) - 6), MOMENTS):
                if tool:
                    file = tool.do(reel.file, index, Path(temporary))
                    truth[file.name] = index
                    continue
                picture, options = frames[index], {}
                for fault in on_snapshots:
                    around = list(frames)
                    around[index] = picture
                    made = fault.do(around, index)
                    picture, options = made if isinstance(made, tuple) else (made, options)
                    picture = np.clip(picture, 0, 255).astype(np.uint8)
                ending = "jpg" if options else rng.choice(["png", "bmp"])
                file = Path(temporary) / f"{reel.file.stem}-{index:04d}.{ending}"
                if ending == "bmp":
                    cv2.imwrite(str(file), cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))
                else:
                    pillow(picture).save(file, **options)
                truth[file.name] = index
        snapshots, _ = read_snapshots(Path(temporary))
        reader = Reader(make_reader(on_frames, subject.scale or "0..255")) if one.with_reader or on_frames else None
        mine = [reel for reel in reels if any(file.startswith(reel.file.stem + "-") for file in truth)]
        found, _, causes = explain_change(subject, mine, snapshots, reader, Noise(), lambda *_: None)
    off = [
        abs(moment.match.index - truth[moment.file.name])
        if moment.match and moment.file.name.startswith(moment.match.reel.file.stem + "-")
        else 10**6
        for moment in found.moments
    ]
    causes_put_in = [fault.cause for fault in one.faults]
    if one.kind == "usual loop" and subject.scale != "0..1":
        causes_put_in.append("scaling")
    return Case(
        one.kind,
        tuple(dict.fromkeys(causes_put_in)),
        " + ".join(fault.what for fault in one.faults),
        name,
        tuple(cause.cause for cause in causes),
        sum(attribution.flipped for attribution in found.attributions),
        sum(distance == 0 for distance in off),
        sum(distance <= 1 for distance in off),
        len(off),
        time.process_time() - started,
        not on_snapshots and tool is None,
    )


def share(right: int, count: int) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not count:
        return "none"
    ends = binomtest(right, count).proportion_ci(method="wilson")
    return f"{right}/{count} = {right / count:.1%} ({ends.low:.0%} to {ends.high:.0%})"


def table(cases: Sequence[Case]) -> str:
    """Markdown."""
    lines = [
        "| case | cases | change a label | named rightly of those (95 % interval) | of all | bar |",
        "|---|---|---|---|---|---|",
    ]
    for kind, (_, bar, says) in KINDS.items():
        mine = [case for case in cases if case.kind == kind]
        flipping = [case for case in mine if case.flips]
        if mine:
            of_those, of_all = (share(sum(case.right for case in some), len(some)) for some in (flipping, mine))
            lines.append(f"| {says} | {len(mine)} | {len(flipping)} | {of_those} | {of_all} | {bar} |")
    for name, some, key in (
        ("undistorted: the frame exactly", [case for case in cases if case.undistorted], "exact"),
        ("distorted: within one frame", [case for case in cases if not case.undistorted], "near"),
    ):
        right, count = sum(getattr(case, key) for case in some), sum(case.moments for case in some)
        lines.append(f"| {name} | {count} snapshots | | | {share(right, count)} | 95 % |")
    lines += ["", "| model | one fault named first, of those that change a label | of all |", "|---|---|---|"]
    singles = [case for case in cases if case.kind in ("one fault", "a tool")]
    for model in sorted({case.model for case in singles}):
        lines.append(f"| {model} | {_rights([case for case in singles if case.model == model])} |")
    lines += [
        "",
        "| fault put in | right of those that change a label | right of all | else named first |",
        "|---|---|---|---|",
    ]
    for what in dict.fromkeys(f"{case.truth[0]}: {case.what}" for case in sorted(singles, key=lambda case: case.truth)):
        mine = [case for case in singles if f"{case.truth[0]}: {case.what}" == what]
        wrong = sorted({case.named[0] if case.named else "nothing" for case in mine if not case.right})
        lines.append(f"| {what} | {_rights(mine)} | {', '.join(wrong)} |")
    return "\n".join(lines)


def _rights(cases: Sequence[Case]) -> str:
    flipping = [case for case in cases if case.flips]
    return " | ".join(f"{sum(case.right for case in some)}/{len(some)}" for some in (flipping, cases))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=2, help="cases of each single fault, with as many models")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--triples", type=int, default=16)
    parser.add_argument("--healthy", type=int, default=110)
    parser.add_argument("--data", type=Path, help="the folder of real clips [default: rendered ones only]")
    parser.add_argument("--folder", type=Path, help="where all is kept [default: a temporary one]")
    parser.add_argument("--only", help="cases whose kind, faults or model hold this text; nothing is kept")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long, and tell what was done")
    parser.add_argument("--write", type=Path, help="put the table into this page, between its markers")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "look").is_dir():
            sm.make_demo_data(folder / "look", kind="look", videos=90, seed=0)
        look = sm.read_videos(folder / "look")
        worlds = {"demo": [index_video(file) for file in make_videos(folder, look)]}
        if chosen.data:
            worlds["real"] = [index_video(file) for file in real_videos(chosen.data)]
        models = make_models(folder, look, chosen.data)
        planned = plan(len(models), chosen.each, chosen.pairs, chosen.triples, chosen.healthy)
        kept = folder / "cases.jsonl"
        cases: dict[int, Case] = {}
        if kept.exists() and not chosen.only:
            rows = [json.loads(line) for line in kept.read_text().splitlines()]
            cases = {number: Case(**case | {"truth": tuple(case["truth"]), "named": tuple(case["named"])})
                     for number, case in rows}  # fmt: skip
        subjects: dict[int, AuditedModel] = {}
        began = time.perf_counter()
        for one in planned:
            name = f"{one.kind} [{models[one.model].name}] {' + '.join(fault.what for fault in one.faults)}"
            if one.seed in cases or (chosen.only and chosen.only not in name):
                continue
            if time.perf_counter() - began > 60 * chosen.minutes:
                break
            model = models[one.model]
            if one.model not in subjects:
                subjects[one.model] = load_audited_model(model.file, scale=model.scale)
            case = run_case(one, subjects[one.model], model.name, worlds[model.world])
            cases[one.seed] = case
            if not chosen.only:
                with kept.open("a") as file:
                    file.write(json.dumps([one.seed, asdict(case)]) + "\n")
            print(f"{'+' if case.right else '-'} {case.flips} {name} -> {', '.join(case.named) or 'nothing'} "
                  f"moments {case.exact}/{case.moments} {case.seconds:.1f} s", flush=True)  # fmt: skip
    real = " --data ..." if chosen.data else ""
    text = (
        f"{len(cases)} of {len(planned)} cases over {len(models)} models and {sum(map(len, worlds.values()))} videos "
        f"(`python benchmarks/audits.py{real}`):\n\n{table(list(cases.values()))}\n"
    )
    print(text)
    if chosen.write:
        page = chosen.write.read_text(encoding="utf-8")
        start, end = "<!-- benchmark -->\n", "<!-- end of benchmark -->"
        before, after = page.split(start)[0], page.split(end)[1]
        chosen.write.write_text(before + start + text + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
