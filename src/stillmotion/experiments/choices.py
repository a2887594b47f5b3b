"""The words that settings take. Importing this module imports nothing else, so that help texts are quick."""

from typing import Literal

# Architectures: ours, or the small ones of common tutorials.
Preset = Literal["standard", "classic"]
# How many settings are tried per family, and whether control models are trained.
Effort = Literal["quick", "standard", "thorough"]
