from .comparing import (
    check_included as check_included,
    default_folder as default_folder,
    execute as execute,
    run_comparison as run_comparison,
)
from .contenders import Contender as Contender
from .controls import Controls as Controls
from .datasets import (
    Dataset as Dataset,
    Fold as Fold,
    open_dataset as open_dataset,
    read_labeled as read_labeled,
)
from .evaluating import run_evaluation as run_evaluation
from .executors import Executor as Executor, InProcess as InProcess, Processes as Processes
from .plan import Candidate as Candidate, ComparisonPlan as ComparisonPlan, PlannedRun as PlannedRun
from .settings import ComparisonSettings as ComparisonSettings
from .tasks import (
    CheckIncludedTask as CheckIncludedTask,
    CountEpochsTask as CountEpochsTask,
    DecodeTask as DecodeTask,
    EvaluateTask as EvaluateTask,
    ExtractFeaturesTask as ExtractFeaturesTask,
    FindShortcutsTask as FindShortcutsTask,
    IncludeTask as IncludeTask,
    MeasureCostTask as MeasureCostTask,
    MeasureMemoryTask as MeasureMemoryTask,
    PerturbTask as PerturbTask,
    PredictOverTimeTask as PredictOverTimeTask,
    Results as Results,
    Task as Task,
    TrainTask as TrainTask,
    TrialTask as TrialTask,
)
from .training import default_run_folder as default_run_folder, run_training as run_training
