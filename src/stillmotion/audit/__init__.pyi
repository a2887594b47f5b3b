from .arguments import check_arguments as check_arguments
from .auditing import audit_model as audit_model
from .faults import FAULTS as FAULTS
from .faults.dynamic_range import tone_map as tone_map
from .records import (
    Audit as Audit,
    Cause as Cause,
    Check as Check,
    FrozenClip as FrozenClip,
    Noise as Noise,
    Preview as Preview,
    Sensitivity as Sensitivity,
    SnapshotRow as SnapshotRow,
)
from .storage import as_json as as_json, read_audit as read_audit, write_audit as write_audit
