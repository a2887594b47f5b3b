"""Recipe in, run out."""

from stillmotion.training.batches import TrainingClips, ValidationClips
from stillmotion.training.fitting import make_recipe, train
from stillmotion.training.searching import EFFORTS, SHORT, Trial, changes, epochs_within, search, with_clip_spec

__all__ = [
    "EFFORTS", "SHORT", "TrainingClips", "Trial", "ValidationClips", "changes", "epochs_within", "make_recipe",
    "with_clip_spec", "search", "train",
]  # fmt: skip
