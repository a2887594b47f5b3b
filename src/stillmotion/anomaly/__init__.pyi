from .adding import (
    AddedFootage as AddedFootage,
    acknowledge_alarm as acknowledge_alarm,
    add_normal_footage as add_normal_footage,
)
from .alarms import Alarm as Alarm, AlarmFinder as AlarmFinder
from .detector import Detector as Detector, is_detector as is_detector, load_detector as load_detector
from .evaluating import (
    DetectorEvaluation as DetectorEvaluation,
    evaluate_detector as evaluate_detector,
    read_detector_evaluation as read_detector_evaluation,
)
from .fitting import fit_anomaly_detector as fit_anomaly_detector
from .promise import Promise as Promise, read_promise as read_promise
from .scoring import Score as Score, score_source as score_source
from .simulating import read_simulation as read_simulation, simulate_faults as simulate_faults
from .simulation import FaultSimulation as FaultSimulation
from .truth import read_truth as read_truth
