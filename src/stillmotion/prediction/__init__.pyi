from .costs import measure_cost as measure_cost
from .costs import measure_memory as measure_memory
from .evaluating import evaluate as evaluate
from .evaluating import predict_labelled as predict_labelled
from .events import Event as Event
from .events import EventDetector as EventDetector
from .exporting import Export as Export
from .exporting import export_model as export_model
from .inputs import find_inputs as find_inputs
from .live import load_clip_model as load_clip_model
from .live import stream as stream
from .live import stream_updates as stream_updates
from .over_time import predict_over_time as predict_over_time
from .perturbations import PERTURBATIONS as PERTURBATIONS
from .perturbations import evaluate_perturbed as evaluate_perturbed
from .records import VideoPrediction as VideoPrediction
from .tables import (
    check_ending as check_ending,
)
from .tables import (
    evaluation_rows as evaluation_rows,
)
from .tables import (
    prediction_rows as prediction_rows,
)
from .tables import (
    write_rows as write_rows,
)
from .videos import load_model as load_model
from .videos import predict as predict
