"""Model cards as files: a JSON file beside the model, which knows the model by its content. Imports no backend."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stillmotion.errors import StillmotionError
from stillmotion.files import write_json
from stillmotion.models.cards import FORMAT, ModelCard

MAX_BYTES = 8 << 20  # of a card's file


def card_file(model: Path) -> Path:
    """Where the card of a model is: beside it, with its name and the ending `.json`.

    Args:
        model: the model's file or folder.

    Returns:
        The path. Where a model's architecture has that name, it is `NAME.card.json`.
    """
    stem = model.name if model.is_dir() else model.stem
    file = model.with_name(f"{stem}.json")
    content = _read_json(file)
    if file == model or (content is not None and not _is_card(content)):
        return model.with_name(f"{stem}.card.json")
    return file


def read_card(model: Path, *, anew: bool = False) -> ModelCard | None:
    """Read the card beside a model.

    Args:
        model: the model's file or folder.
        anew: whether the model is to be described anew, so that the card of an earlier file of that name is none.

    Returns:
        The card; None if there is none.

    Raises:
        StillmotionError: it cannot be read, or is the card of another file of the same name.
    """
    file = card_file(model)
    if not file.is_file():
        return None
    content = _read_json(file)
    if content is None:
        raise StillmotionError(f"{file}: cannot be read as JSON; delete it, and describe the model again")
    try:
        card = ModelCard.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StillmotionError(f"{file}: not a model card: {place}: {first['msg']}") from None
    if card.format > FORMAT:
        raise StillmotionError(f"{file}: written by a later version of stillmotion; update to read it")
    if card.digest and card.digest != file_digest(model):
        if anew:
            return None
        raise StillmotionError(f"{file}: describes another {model.name} than the one beside it; describe it again")
    return card


def write_card(card: ModelCard, file: Path) -> Path:
    """Write a card; the file is complete or not there.

    Args:
        card: the card.
        file: the JSON file.

    Returns:
        The file.

    Raises:
        StillmotionError: it cannot be written, or another kind of file has its name.
    """
    if file.exists() and not _is_card(_read_json(file)):
        raise StillmotionError(f"{file}: there, and not a model card; choose another name")
    write_json(file, card.model_dump(mode="json"))
    return file


def file_digest(model: Path) -> str:
    """SHA-256 of a model's file, or of all files that it consists of.

    Args:
        model: the file or folder.

    Returns:
        The hexadecimal digest.
    """
    if model.is_dir():
        files = [model / "saved_model.pb", *sorted((model / "variables").glob("variables.*"))]
    else:
        from stillmotion.models.loading import model_files  # With Keras.

        files = model_files(model)
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _read_json(file: Path) -> Any:
    """The content of a JSON file; None if it is none."""
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.stat().st_size <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None


def _is_card(content: Any) -> bool:
    return isinstance(content, dict) and "kind" in content and "inputs" in content and "input_range" in content
