"""Write demo data to disk: one folder per label, one file per clip."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from stillmotion.demo.labels import LABELS, Kind
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, write_json
from stillmotion.progress import Progress, no_progress

# Few, so that there are many groups: statistics count groups, not videos.
CLIPS_PER_SHIFT = 2
_SETTINGS_FILE = "demo.json"
# Every frame is compressed by itself with a constant quantizer. So its pixels hold no trace of its neighbors, and the
# size of a file shows no more than its frames do: a jam does not compress better.
_CODEC = {"preset": "veryfast", "qp": "26", "g": "1", "threads": "1"}


def make_demo_data(
    folder: Path,
    *,
    kind: Kind,
    videos: int,
    seed: int,
    progress: Progress = no_progress,
) -> list[Path]:
    """Render labeled clips of a small production line: H.264 in mp4, 160x120 pixels, 2.4 seconds.

    The labels of `look` differ in what every frame shows (a sound, a scratched or a dented part), those of `motion` in
    movement only, and those of `both` in both; see `LABELS`. The folder becomes:

        folder/
            demo.json                   kind, videos, seed
            forward/
                shift000_clip00.mp4
                shift003_clip01.mp4
            backward/
                shift000_clip01.mp4

    A shift is a group: its clips share the wall, belt, light, camera and the style of the parts. Its two clips have
    different labels, so that the shift does not predict the label.

    The same arguments give the same frames. If an earlier call with the same arguments was interrupted, its folder is
    completed.

    Args:
        folder: where the videos go; new, empty, or left by an earlier call.
        kind: what distinguishes the labels.
        videos: how many.
        seed: other seeds give other videos.
        progress: receives the number of videos rendered so far.

    Returns:
        The paths, in the order of shifts.

    Raises:
        UsageError: an argument is out of range.
        StillmotionError: the folder holds something else, or cannot be written.

    Examples:
        >>> files = sm.make_demo_data(Path("demo"), kind="motion", videos=3, seed=0)
        >>> len(files)
        3
    """
    if kind not in get_args(Kind):
        raise UsageError(f"kind {kind!r} is not known: choose one of {', '.join(get_args(Kind))}")
    if videos < len(LABELS[kind]):
        raise UsageError(f"{videos} videos are too few for the {len(LABELS[kind])} labels of {kind}: ask for more")
    if seed < 0:
        raise UsageError(f"seed {seed} is negative: choose 0 or more")
    folder = Path(folder)
    try:
        claim_folder(folder, {"kind": kind, "videos": videos, "seed": seed})
        return _fill(folder, kind, videos, seed, progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StillmotionError(f"{folder}: cannot write demo data ({reason}): name another folder") from error


def claim_folder(folder: Path, settings: dict[str, object]) -> None:
    """Make a folder and write down what it is for.

    Args:
        folder: new, empty, or left by an earlier call.
        settings: the arguments of the call.

    Raises:
        StillmotionError: the folder holds something else.
    """
    file = folder / _SETTINGS_FILE
    if folder.is_dir() and any(folder.iterdir()):
        try:
            earlier = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            earlier = None
        if earlier != settings:
            problem = f"holds other demo data ({earlier})" if earlier else "is not empty"
            raise StillmotionError(f"{folder}: {problem}: name a new folder, or empty this one")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, settings)


def _fill(folder: Path, kind: Kind, videos: int, seed: int, progress: Progress) -> list[Path]:
    """Render the videos that are not there yet, several shifts at a time."""
    from stillmotion.demo.rendering import LOOP, render_clip
    from stillmotion.demo.scenery import draw_shift

    number = get_args(Kind).index(kind)
    labels = deal_labels(list(LABELS[kind]), videos, np.random.default_rng((seed, number)))

    def render_shift(place: int) -> list[Path]:
        shift, paths = None, []
        for clip, name in enumerate(labels[place * CLIPS_PER_SHIFT : (place + 1) * CLIPS_PER_SHIFT]):
            path = folder / name / f"shift{place:03d}_clip{clip:02d}.mp4"
            if not path.exists():
                shift = shift or draw_shift(np.random.default_rng((seed, number, place)), LOOP)
                frames = render_clip(shift, LABELS[kind][name], np.random.default_rng((seed, number, place, clip)))
                path.parent.mkdir(exist_ok=True)
                with atomic_write(path) as part:
                    _encode(part, frames, shift.rate)
            paths.append(path)
        return paths

    finished: list[Path] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for paths in pool.map(render_shift, range(-(-videos // CLIPS_PER_SHIFT))):
                for path in paths:
                    finished.append(path)
                    progress("rendering", len(finished), videos)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return finished


def deal_labels(labels: list[str], videos: int, rng: np.random.Generator) -> list[str]:
    """Assign labels to videos: all labels in random order, again and again, but no label twice in a shift.

    Args:
        labels: all labels.
        videos: how many.
        rng: where the random draws come from.

    Returns:
        The label of each video, in the order of shifts.
    """
    dealt: list[str] = []
    while len(dealt) < videos:
        shuffled = [labels[index] for index in rng.permutation(len(labels))]
        if len(dealt) % CLIPS_PER_SHIFT and shuffled[0] == dealt[-1]:
            shuffled = shuffled[1:] + shuffled[:1]
        dealt += shuffled
    return dealt[:videos]


def _encode(path: Path, frames: Iterable[NDArray[np.uint8]], rate: int) -> None:
    """Encode frames, uint8 RGB `(height, width, 3)`, as H.264 in mp4."""
    import av

    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=Fraction(rate), options=_CODEC)
        stream.pix_fmt = "yuv420p"
        for index, pixels in enumerate(frames):
            if index == 0:
                stream.height, stream.width = pixels.shape[:2]
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
