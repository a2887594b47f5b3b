"""stub"""
from pathlib import Path
def write_audit_page(folder: Path) -> Path:
    return folder
