"""Recipe in, run out."""

from stillmotion.training.batches import TrainingClips, ValidationClips
from stillmotion.training.fitting import make_recipe, train
from stillmotion.training.watching import Watch

__all__ = ["TrainingClips", "ValidationClips", "Watch", "make_recipe", "train"]
