"""Names of folders and of settings."""

import re
from collections.abc import Mapping
from typing import Any

SHOWN = "\u200c\u200d\u00a0\u3000"  # joiners of scripts and emoji, and spaces of typography
FORMULA = re.compile(r"(^|[,;|\t\r\n])(\s*[=+\-@＝＋－＠]|[\t\r])")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def slug(name: str) -> str:
    """``name`` as a folder name: words of letters, digits and dots joined by hyphens."""
    return re.sub(r"[^\w.]+", "-", name.replace("→", " to ").lower()).strip("-.") or "unnamed"


def printable(text: str) -> str:
    """``text`` without what moves a terminal's cursor, ends a line or reverses its direction: these are escaped."""
    return "".join(
        character if character.isprintable() or character in SHOWN else character.encode("unicode_escape").decode()
        for character in text
    )


def spreadsheet_text(text: str) -> str:
    """``text`` with an apostrophe before what a spreadsheet would take for a formula, as OWASP advises.

    A separator in it may begin a new cell there. Numbers are kept: they are no formulas.
    """
    return text if NUMBER.fullmatch(text) else FORMULA.sub(r"\1'\2", text)


def name_setting(setting: Mapping[str, Any]) -> str:
    """A setting of hyper-parameters in words, such as ``optimizer.lr = 0.01, method.weight = 1``."""
    return ", ".join(f"{key} = {value}" for key, value in setting.items())
