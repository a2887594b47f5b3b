"""What a run is made by and what it leaves on disk."""

from stillmotion.runs.files import check_folder, empty_folder, make_folder, sole_user, whole_file, write_json
from stillmotion.runs.recipe import Recipe
from stillmotion.runs.run import CostRecord, DataRecord, Run, RunRecord, TrainingRecord, read_run, versions, write_run

__all__ = [
    "CostRecord", "DataRecord", "Recipe", "Run", "RunRecord", "TrainingRecord", "check_folder", "empty_folder",
    "make_folder", "read_run", "sole_user", "versions", "whole_file", "write_json", "write_run",
]  # fmt: skip
