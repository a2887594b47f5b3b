"""What a run is made from, and what it leaves on disk."""

from stillmotion.runs.layout import (
    COMPARISON_FILE,
    EXPORTS_FOLDER,
    MODEL_FILE,
    RECORD_FILE,
    STATE_FILE,
    TENSORBOARD_FOLDER,
    UNFINISHED_FOLDER,
    delete_unfinished,
)
from stillmotion.runs.memory import MAX_CLIPS, ClipMemory, make_memory, read_memory, write_memory
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
    "MAX_CLIPS",
    "MODEL_FILE",
    "RECORD_FILE",
    "STATE_FILE",
    "TENSORBOARD_FOLDER",
    "UNFINISHED_FOLDER",
    "ClipMemory",
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
    "make_memory",
    "read_memory",
    "read_run",
    "versions",
    "write_memory",
    "write_run",
]
