"""Recipe in, run out."""

from stillmotion.training.batches import TrainingClips, ValidationClips
from stillmotion.training.fitting import make_recipe, train
from stillmotion.training.searching import EFFORTS, SHORT, Trial, changes, epochs_within, on_clips, search
from stillmotion.training.watching import Watch

__all__ = [
    "EFFORTS", "SHORT", "TrainingClips", "Trial", "ValidationClips", "Watch", "changes", "epochs_within", "make_recipe",
    "on_clips", "search", "train",
]  # fmt: skip
