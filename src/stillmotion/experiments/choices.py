"""The words that settings take. Importing this module imports nothing else, so that help texts are quick."""

from typing import Literal

# Architectures: ours, or the small ones of common tutorials.
Preset = Literal["standard", "classic"]
# What a verdict compares; that of `stillmotion.comparison`, which takes longer to import.
Metric = Literal["accuracy", "balanced"]
# How many settings are tried per family, and whether control models are trained.
Effort = Literal["quick", "standard", "thorough"]
