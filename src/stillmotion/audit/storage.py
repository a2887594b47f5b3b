"""Reads and writes an audit's folder: audit.json, and the PNG files of its previews."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stillmotion.audit.records import Audit
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, make_folder, write_json

IMAGES = "pictures"  # the folder of the PNG files, next to audit.json

_ADAPTER = TypeAdapter(Audit)


def read_audit(folder: Path) -> Audit:
    """Read what `write_audit` wrote.

    Args:
        folder: the folder, or its audit.json.

    Returns:
        The audit, with the pictures that are there.

    Raises:
        UsageError: there is no audit.
        StillmotionError: it is something else.

    Examples:
        >>> sm.read_audit("audit").model.labels
        ('left', 'right')
    """
    file = folder / "audit.json" if folder.is_dir() else folder
    try:
        audit = _ADAPTER.validate_json(file.read_bytes())
    except OSError:
        raise UsageError(f"{file}: no such audit") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise StillmotionError(f"{file}: not an audit: {where}: {first['msg']}") from None
    # Names only: an audit.json from elsewhere must not make us read files outside of its folder.
    names = {Path(name).name for preview in audit.previews for name in (preview.snapshot_image, preview.frame_image)}
    files = {name: file.parent / IMAGES / name for name in sorted(names)}
    return replace(audit, images={name: image.read_bytes() for name, image in files.items() if image.is_file()})


def write_audit(audit: Audit, folder: Path) -> None:
    """Write audit.json and, in the same folder, the pictures of the previews; each file completely or not at all.

    Args:
        audit: the audit.
        folder: made if need be.

    Raises:
        StillmotionError: it cannot be written.
    """
    if audit.images:
        make_folder(folder / IMAGES)
    for name, image in audit.images.items():
        with atomic_write(folder / IMAGES / name) as part:
            part.write_bytes(image)
    write_json(make_folder(folder) / "audit.json", _as_dict(audit))


def as_json(audit: Audit) -> str:
    """The text of audit.json."""
    return json.dumps(_as_dict(audit), indent=1, ensure_ascii=False)


def _as_dict(audit: Audit) -> dict[str, Any]:
    content = asdict(replace(audit, images={}))
    del content["images"]
    return content
