"""What a run is made from, and what it leaves on disk."""

from stillmotion.runs.recipe import Recipe
from stillmotion.runs.run import CostRecord, DataRecord, Run, RunRecord, TrainingRecord, read_run, versions, write_run

__all__ = [
    "CostRecord",
    "DataRecord",
    "Recipe",
    "Run",
    "RunRecord",
    "TrainingRecord",
    "read_run",
    "versions",
    "write_run",
]
