"""Real clips, and snapshots that FFmpeg grabs from them: does the audit find the moments, and say what was done?

    python benchmarks/grabs.py --data FOLDER [--folder KEPT] [--clips 16]

A small CNN in plain Keras learns to tell the scenes of `FOLDER/gestures/scenes.csv`. Then two moments of each of
several clips are grabbed on FFmpeg's command line in four ways, and compared with the video by its own frames, and by
the loop that everybody writes in OpenCV. The last line of each is the audit's answer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from audit_faults import usual_loop
from audit_models import count_frames, make_scene_model

import stillmotion as sm
from stillmotion.audit.video_index import IndexedVideo, index_video

# How a frame is grabbed: options before and after the input, the ending; {n} is its number, {s} a time just before it.
WAYS: dict[str, tuple[str, str, str]] = {
    "PNG by number": ("", r"-vf select=eq(n\,{n})", "png"),
    "PNG by time, -ss": ("-ss {s}", "", "png"),
    "default JPEG": ("", r"-vf select=eq(n\,{n})", "jpg"),
    "-vf scale=112:112, default JPEG": ("", r"-vf select=eq(n\,{n}),scale=112:112", "jpg"),
}


def grab(reel: IndexedVideo, index: int, way: str, folder: Path) -> Path:
    before, after, ending = (
        words.format(n=index, s=f"{max(0.0, float(reel.seconds[index]) - 0.004):.6f}") for words in WAYS[way]
    )
    file = folder / f"{reel.file.stem}-{index:04d}.{ending}"
    words = ["ffmpeg", "-v", "error", "-nostdin", *before.split(), "-i", str(reel.file), *after.split()]
    subprocess.run([*words, "-frames:v", "1", str(file)], check=True)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of real clips")
    parser.add_argument("--folder", type=Path, help="where the model is kept [default: a temporary folder]")
    parser.add_argument("--clips", type=int, default=16)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        scenes = sm.read_videos(chosen.data / "gestures" / "scenes.csv")
        model = folder / "scenes.keras"
        (folder / "scenes.txt").write_text("\n".join(sorted({str(video.label) for video in scenes})))
        if not model.exists():
            make_scene_model(model, scenes)
        files = [scenes.file(video) for video in scenes if count_frames(scenes.file(video)) >= 24]
        reels = [index_video(file) for file in files[:: max(1, len(files) // chosen.clips)][: chosen.clips]]
        rng = np.random.default_rng(0)
        moments = [(reel, int(index)) for reel in reels for index in sorted(rng.choice(len(reel), 2, replace=False))]
        for number, way in enumerate(WAYS):
            stills = Path(temporary) / f"stills{number}"
            stills.mkdir()
            truth = {grab(reel, index, way, stills).name: (reel, index) for reel, index in moments}
            for reader in (None, usual_loop) if number in (0, 3) else (None,):
                found = sm.audit_model(
                    model,
                    [reel.file for reel in reels],
                    snapshots=stills,
                    frames=reader,
                    labels=folder / "scenes.txt",
                    sensitivity=False,
                )
                off = []
                for row in found.snapshots:
                    reel, index = truth[Path(row.file).name]
                    same = row.video == str(reel.file) and row.seconds is not None
                    off.append(int(np.abs(reel.seconds - row.seconds).argmin()) - index if same else 10**6)
                exact, near = (sum(abs(one) <= most for one in off) for most in (0, 1))
                by = "the usual OpenCV loop" if reader else "the video's own frames"
                print(f"{way}, against {by}: {exact}/{len(off)} moments exact, {near}/{len(off)} within a frame")
                print(f"  {found.answer}", flush=True)


if __name__ == "__main__":
    main()
