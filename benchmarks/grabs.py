"""Real clips and snapshots that FFmpeg extracts from them: does the audit find the frames, and say what was done?

    python benchmarks/grabs.py --data FOLDER [--folder FOLDER] [--clips 16]

A small CNN in plain Keras learns the scenes of `FOLDER/gestures/scenes.csv`. Then two frames of each of several clips
are extracted on FFmpeg's command line in four ways, and compared with the video's own frames, and with those of the
loop that most people write in OpenCV. The last line of each is the audit's summary.
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

# How a frame is extracted: options before and after the input, the suffix; {n} is its index, {s} a time just before it.
WAYS: dict[str, tuple[str, str, str]] = {
    "PNG by number": ("", r"-vf select=eq(n\,{n})", "png"),
    "PNG by time, -ss": ("-ss {s}", "", "png"),
    "default JPEG": ("", r"-vf select=eq(n\,{n})", "jpg"),
    "-vf scale=112:112, default JPEG": ("", r"-vf select=eq(n\,{n}),scale=112:112", "jpg"),
}


def grab(video: IndexedVideo, index: int, way: str, folder: Path) -> Path:
    """Extract a frame by FFmpeg."""
    before, after, suffix = (
        words.format(n=index, s=f"{max(0.0, float(video.seconds[index]) - 0.004):.6f}") for words in WAYS[way]
    )
    file = folder / f"{video.file.stem}-{index:04d}.{suffix}"
    words = ["ffmpeg", "-v", "error", "-nostdin", *before.split(), "-i", str(video.file), *after.split()]
    subprocess.run([*words, "-frames:v", "1", str(file)], check=True)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of real clips")
    parser.add_argument("--folder", type=Path, help="keeps the model [default: a temporary folder]")
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
        videos = [index_video(file) for file in files[:: max(1, len(files) // chosen.clips)][: chosen.clips]]
        rng = np.random.default_rng(0)
        frames = [(video, int(index)) for video in videos for index in sorted(rng.choice(len(video), 2, replace=False))]
        for number, way in enumerate(WAYS):
            stills = Path(temporary) / f"stills{number}"
            stills.mkdir()
            truth = {grab(video, index, way, stills).name: (video, index) for video, index in frames}
            for reader in (None, usual_loop) if number in (0, 3) else (None,):
                result = sm.audit_model(
                    model,
                    [video.file for video in videos],
                    snapshots=stills,
                    frame_reader=reader,
                    labels=folder / "scenes.txt",
                    sensitivity=False,
                )
                offsets = []
                for row in result.snapshots:
                    video, index = truth[Path(row.file).name]
                    if row.video == str(video.file) and row.seconds is not None:
                        offsets.append(int(np.abs(video.seconds - row.seconds).argmin()) - index)
                    else:
                        offsets.append(10**6)
                exact, near = (sum(abs(offset) <= limit for offset in offsets) for limit in (0, 1))
                by = "the usual OpenCV loop" if reader else "the video's own frames"
                print(
                    f"{way}, against {by}: {exact}/{len(offsets)} frames exact, {near}/{len(offsets)} within one frame"
                )
                print(f"  {result.summary}", flush=True)


if __name__ == "__main__":
    main()
