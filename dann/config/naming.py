"""Names of folders and of settings."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

LONGEST = 150  # bytes; file systems take 255, and endings are added
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
FILES = (".yaml", ".png", ".html", ".gz", ".unfinished", ".lock", ".tmp")
JOINERS = "\u200c\u200d"  # of scripts and emoji
FORMULA = re.compile(r"(?:^|(?<=[,;|\t\r\n]))(?=[\t\r]|[^\S\t\r\n]*[=+\-@＝＋－＠])")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def slug(name: str) -> str:
    """``name`` as a folder name: words of letters, digits and dots joined by hyphens.

    No separator, no leading dot or hyphen; long names end in a checksum. An underscore begins a name that Windows
    reserves, or that might be one of the files beside the folder.
    """
    words = re.sub(r"[^\w.]+", "-", name.replace("→", " to ").lower()).strip("-.") or "unnamed"
    if len(words.encode()) > LONGEST:
        short = words.encode()[: LONGEST - 9].decode(errors="ignore")
        return f"{short}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"
    return f"_{words}" if RESERVED.match(words) or words.endswith(FILES) else words


def printable(text: str) -> str:
    """``text`` with control characters, line ends and changes of direction escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in JOINERS or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode()
        for character in text
    )  # fmt: skip


def printable_lines(text: str) -> str:
    """``printable`` for each line of ``text``."""
    return "\n".join(map(printable, text.split("\n")))


def spreadsheet_text(text: str) -> str:
    """``text`` with an apostrophe before what a spreadsheet would take for a formula, as OWASP advises.

    A separator in it may begin a new cell there. Numbers are kept: they are no formulas.
    """
    return text if NUMBER.fullmatch(text) else FORMULA.sub("'", text)


def shorten(name: str, longest: int = 60) -> str:
    """A name as a figure shows it: of a long one the beginning and the end, which distinguishes it from its like."""
    if len(name) <= longest:
        return name
    end = longest // 3
    return f"{name[: longest - end - 1]}…{name[-end:]}"


def name_setting(setting: Mapping[str, Any]) -> str:
    """A setting of hyper-parameters in words, such as ``optimizer.lr = 0.01, network.bottleneck = {width: 256}``."""
    return ", ".join(f"{key} = {_name_value(value)}" for key, value in setting.items())


def _name_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_name_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()  # as YAML writes it
    return f"[{', '.join(map(_name_value, value))}]" if isinstance(value, list) else str(value)
