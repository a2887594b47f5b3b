"""Why a model predicts differently on a video than on a snapshot; each fault is a module in `faults/`."""

from stillmotion.audit.auditing import audit_model
from stillmotion.audit.faults import FAULTS
from stillmotion.audit.records import (
    Audit,
    Cause,
    Check,
    FrozenClip,
    Noise,
    Preview,
    Sensitivity,
    SnapshotRow,
)
from stillmotion.audit.storage import as_json, read_audit, write_audit

__all__ = [
    "FAULTS",
    "Audit",
    "Cause",
    "Check",
    "FrozenClip",
    "Noise",
    "Preview",
    "Sensitivity",
    "SnapshotRow",
    "as_json",
    "audit_model",
    "read_audit",
    "write_audit",
]
