"""What a run is made from, and what it leaves on disk."""

from stillmotion.runs.layout import (
    COMPARISON_FILE,
    EXPORTS_FOLDER,
    RECORD_FILE,
    STATE_FILE,
    TENSORBOARD_FOLDER,
    UNFINISHED_FOLDER,
    delete_unfinished,
)
from stillmotion.runs.recipe import ADOPTED, Precision, Recipe
from stillmotion.runs.run import (
    CostRecord,
    DataRecord,
    Run,
    RunRecord,
    TrainingRecord,
    as_run,
    delete_run,
    read_run,
    versions,
    write_run,
)

__all__ = [
    "ADOPTED",
    "COMPARISON_FILE",
    "EXPORTS_FOLDER",
    "RECORD_FILE",
    "STATE_FILE",
    "TENSORBOARD_FOLDER",
    "UNFINISHED_FOLDER",
    "CostRecord",
    "DataRecord",
    "Precision",
    "Recipe",
    "Run",
    "RunRecord",
    "TrainingRecord",
    "as_run",
    "delete_run",
    "delete_unfinished",
    "read_run",
    "versions",
    "write_run",
]
