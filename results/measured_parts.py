"""Measurements that are no runs: a JSON file of parts, each of which a command measures anew. Imports no torch."""

import json
from pathlib import Path
from typing import Any

from dann.errors import BadInput
from dann.files.atomic_files import write_whole

Part = dict[str, Any]  # what was measured, and how


def read_parts(record: Path, command: str) -> dict[str, Part]:
    """The parts of a file by name; none if there is no file.

    Args:
        command: that measures them.

    Raises:
        BadInput: the file is damaged.
    """
    if not record.is_file():
        return {}
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        return {str(name): dict(part) for name, part in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{record}: not what {command} writes: restore it, or run {command}") from error


def write_parts(record: Path, parts: dict[str, Part]) -> None:
    """Write a file of parts."""
    write_whole(record, (json.dumps(parts, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode())
