"""Write the example next to an export: a script that runs it without stillmotion."""

from __future__ import annotations

# Nothing of a foreign file goes into a script, such as a model's name or a label: it could end its string, and run. The
# script reads labels from export.json.
_WHOLE = '''"""Run this exported model, without stillmotion and without Keras.

    pip install numpy {needs}
    python use_it.py [clip.npy]      uint8 {shape}, RGB; without it, noise
"""

import json
import sys
from pathlib import Path

import numpy as np
{opening}
about = json.loads((HERE / "export.json").read_text(encoding="utf-8"))
shape = about["inputs"][0]["shape"][1:]
clip = np.load(sys.argv[1]) if len(sys.argv) > 1 else np.random.default_rng(0).integers(0, 256, shape)
(probabilities,) = run(clip=clip[None].astype(about["inputs"][0]["dtype"]))["probabilities"]
for label, probability in zip(about["labels"], probabilities):
    print(f"{{probability:.6f}}  {{label}}")
'''

_STEP = '''"""Run this exported model on a video, frame by frame, without stillmotion and without Keras.

    pip install numpy {needs}
    python use_it.py [video.npy]     uint8 (any number, {frame_shape}), RGB; without it, noise
"""

import json
import sys
from pathlib import Path

import numpy as np
{opening}
about = json.loads((HERE / "export.json").read_text(encoding="utf-8"))
frames, *states = about["inputs"]
hop, window = about["hop"], about["frames"]
shape = (window + 2 * hop, *frames["shape"][2:])
video = np.load(sys.argv[1]) if len(sys.argv) > 1 else np.random.default_rng(0).integers(0, 256, shape)

# The state is all zeros before the first frame. Each step returns the next one.
state = {{tensor["name"]: np.zeros(tensor["shape"], tensor["dtype"]) for tensor in states}}
for end in range(hop, len(video) + 1, hop):
    results = run(frames=video[None, end - hop : end].astype(frames["dtype"]), **state)
    state = {{name: results["next_" + name] for name in state}}
    if end >= window:  # Before that, the first window is not complete.
        probabilities = results["probabilities"][0, 0]
        text = ", ".join(f"{{label}} {{probability:.6f}}" for label, probability in zip(about["labels"], probabilities))
        print(f"frames {{end - window}} to {{end - 1}}: {{text}}")
'''


def write_example(needs: str, opening: str, shape: tuple[int, ...], *, stream: bool) -> str:
    """Write the script's text.

    Args:
        needs: packages that the script needs besides NumPy.
        opening: code that reads the file and defines `run`; see `ExportFormat.opening`.
        shape: of a clip, or of the frames of a step.
        stream: whether the export is the step of a stream.

    Returns:
        The script.
    """
    frame_shape = ", ".join(map(str, shape[-3:]))
    text = _STEP if stream else _WHOLE
    return text.format(needs=needs, opening=opening, shape=shape, frame_shape=frame_shape)
