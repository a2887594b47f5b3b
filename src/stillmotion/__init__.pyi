from .audit import Audit as Audit
from .audit import audit_model as audit_model
from .audit import read_audit as read_audit
from .clips import Augment as Augment
from .clips import ClipSpec as ClipSpec
from .clips import SkippedVideo as SkippedVideo
from .clips import choose_rate as choose_rate
from .comparison import (
    Comparison as Comparison,
)
from .comparison import (
    Predictions as Predictions,
)
from .comparison import (
    Verdict as Verdict,
)
from .comparison import (
    compare as compare,
)
from .comparison import (
    compute_metrics as compute_metrics,
)
from .comparison import (
    decide as decide,
)
from .comparison import (
    decide_among as decide_among,
)
from .comparison import (
    read_comparison as read_comparison,
)
from .comparison import (
    read_predictions as read_predictions,
)
from .comparison import (
    read_predictions_by_seed as read_predictions_by_seed,
)
from .comparison import (
    select_examples as select_examples,
)
from .comparison import (
    write_comparison as write_comparison,
)
from .data import Video as Video
from .data import Videos as Videos
from .data import read_videos as read_videos
from .data import split as split
from .data import split_folds as split_folds
from .demo import make_demo_data as make_demo_data
from .errors import CancelledError as CancelledError
from .errors import StillmotionError as StillmotionError
from .errors import UnreadableVideoError as UnreadableVideoError
from .errors import UsageError as UsageError
from .experiments import (
    run_comparison as run_comparison,
)
from .experiments import (
    run_evaluation as run_evaluation,
)
from .experiments import (
    run_training as run_training,
)
from .inspection import Inspection as Inspection
from .inspection import find_shortcuts as find_shortcuts
from .inspection import inspect_videos as inspect_videos
from .models import FAMILIES as FAMILIES
from .models import build_model as build_model
from .prediction import Event as Event
from .prediction import VideoPrediction as VideoPrediction
from .prediction import evaluate as evaluate
from .prediction import evaluate_perturbed as evaluate_perturbed
from .prediction import export_model as export_model
from .prediction import predict as predict
from .prediction import predict_over_time as predict_over_time
from .prediction import stream as stream
from .reports import write_report as write_report
from .runs import Recipe as Recipe
from .runs import Run as Run
from .runs import read_run as read_run
from .streaming import WindowPrediction as WindowPrediction
from .streaming import stream_model as stream_model
from .training import make_recipe as make_recipe
from .training import train as train
