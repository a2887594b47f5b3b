"""Demo data on disk: a folder for each label, a file for each clip."""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import StillmotionError, UsageError
from ..progress import Progress, no_progress
from .labels import LABELS, Kind

CLIPS_A_SHIFT = 2  # few, so that there are many groups: statistics count groups, not videos
_NOTE = "demo.json"
_CODEC = {"preset": "veryfast", "qp": "26", "g": "1", "threads": "1"}


def make_demo_data(
    folder: Path,
    *,
    kind: Kind,
    videos: int,
    seed: int,
    progress: Progress = no_progress,
) -> list[Path]:
    """Render `videos` labelled clips of a small production line, H.264 in mp4, 160x120, 2.4 seconds.

    `look` differs in what any frame shows (a sound, a scratched, a dented part), `motion` in movement
    alone, `both` mixes; `LABELS` says how. The tree:

        folder/
            demo.json                   kind, videos, seed
            forward/
                shift000_clip00.mp4
                shift003_clip01.mp4
            backward/
                shift000_clip01.mp4

    A shift is a group: its clips share wall, belt, light, camera and the style of the parts. It has two
    clips of different labels, so that 300 videos have 150 groups and the shift does not tell the label.

    Every frame is compressed by itself, at one quantiser. So a frame's pixels hold no trace of its
    neighbours, and the size of a file tells no more than its frames do: a jam compresses no better.

    The same arguments give the same frames. A folder that an earlier call with the same arguments left
    is completed: what is there is kept. `progress` is called with how many videos are done, and of how many.
    Returns the paths, in the order of shifts. Raises UsageError if an argument is out of range, and
    StillmotionError if the folder holds something else or cannot be written.
    """
    if kind not in get_args(Kind):
        raise UsageError(f"kind {kind!r} is not known: choose one of {', '.join(get_args(Kind))}")
    if videos < len(LABELS[kind]):
        raise UsageError(f"{videos} videos are too few for the {len(LABELS[kind])} labels of {kind}: ask for more")
    if seed < 0:
        raise UsageError(f"seed {seed} is negative: choose 0 or more")
    folder = Path(folder)
    try:
        _claim(folder, {"kind": kind, "videos": videos, "seed": seed})
        return _fill(folder, kind, videos, seed, progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StillmotionError(f"{folder}: cannot write demo data ({reason}): name another folder") from error


def _claim(folder: Path, call: dict[str, object]) -> None:
    note = folder / _NOTE
    if folder.is_dir() and any(folder.iterdir()):
        try:
            earlier = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            earlier = None
        if earlier != call:
            what = f"holds other demo data ({earlier})" if earlier else "is not empty"
            raise StillmotionError(f"{folder}: {what}: name a new folder, or empty this one")
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(note, lambda path: path.write_text(json.dumps(call) + "\n", encoding="utf-8"))


def _fill(folder: Path, kind: Kind, videos: int, seed: int, progress: Progress) -> list[Path]:
    from .filming import LOOP, film_clip
    from .scenery import draw_shift

    number = get_args(Kind).index(kind)
    names = deal_labels(list(LABELS[kind]), videos, np.random.default_rng((seed, number)))

    def film_shift(place: int) -> list[Path]:
        shift, paths = None, []
        for clip, name in enumerate(names[place * CLIPS_A_SHIFT : (place + 1) * CLIPS_A_SHIFT]):
            path = folder / name / f"shift{place:03d}_clip{clip:02d}.mp4"
            if not path.exists():
                shift = shift or draw_shift(np.random.default_rng((seed, number, place)), LOOP)
                frames = film_clip(shift, LABELS[kind][name], np.random.default_rng((seed, number, place, clip)))
                rate = shift.rate
                path.parent.mkdir(exist_ok=True)
                _write_whole(path, lambda part, frames=frames, rate=rate: _encode(part, frames, rate))
            paths.append(path)
        return paths

    done: list[Path] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for paths in pool.map(film_shift, range(-(-videos // CLIPS_A_SHIFT))):
                for path in paths:
                    done.append(path)
                    progress("rendering", len(done), videos)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return done


def deal_labels(labels: list[str], videos: int, rng: np.random.Generator) -> list[str]:
    """A label for each video: round after round of all labels, shuffled, no label twice in a shift."""
    dealt: list[str] = []
    while len(dealt) < videos:
        hand = [labels[k] for k in rng.permutation(len(labels))]
        if len(dealt) % CLIPS_A_SHIFT and hand[0] == dealt[-1]:
            hand = hand[1:] + hand[:1]
        dealt += hand
    return dealt[:videos]


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write under another name first, so that a file under its own name is always whole."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _encode(path: Path, frames: Iterable[NDArray[np.uint8]], rate: int) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=Fraction(rate), options=_CODEC)
        stream.pix_fmt = "yuv420p"
        for index, pixels in enumerate(frames):
            if index == 0:
                stream.height, stream.width = pixels.shape[:2]
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
