from .comparing import default_folder as default_folder
from .comparing import execute as execute
from .comparing import run_comparison as run_comparison
from .controls import Controls as Controls
from .datasets import (
    Dataset as Dataset,
)
from .datasets import (
    Fold as Fold,
)
from .datasets import (
    open_dataset as open_dataset,
)
from .datasets import (
    read_labelled as read_labelled,
)
from .evaluating import run_evaluation as run_evaluation
from .executors import Executor as Executor
from .executors import InProcess as InProcess
from .plan import ComparisonPlan as ComparisonPlan
from .plan import PlannedRun as PlannedRun
from .settings import ComparisonSettings as ComparisonSettings
from .tasks import (
    CountEpochsTask as CountEpochsTask,
)
from .tasks import (
    EvaluateTask as EvaluateTask,
)
from .tasks import (
    MeasureMemoryTask as MeasureMemoryTask,
)
from .tasks import (
    PerturbTask as PerturbTask,
)
from .tasks import (
    PredictOverTimeTask as PredictOverTimeTask,
)
from .tasks import (
    Task as Task,
)
from .tasks import (
    TrainTask as TrainTask,
)
from .tasks import (
    TrialTask as TrialTask,
)
from .training import run_training as run_training
