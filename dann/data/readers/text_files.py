"""Reader of text files in any encoding."""

import codecs
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from dann.errors import BadInput
from dann.files.input_limits import check_regular

LARGEST = 1 << 32  # bytes of a file of texts
# Byte order marks, the longer ones first: that of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAVE = "save it as UTF-8"
NAME = f"{SAVE}, or set encoding: cp1252 (Western European, of Windows) or another"


def _check_encoding(name: str) -> str:
    try:
        "a".encode(name)
    except (LookupError, ValueError) as error:  # a ValueError for a zero byte
        raise ValueError("should be the name of a text encoding, such as utf-8, cp1252 or gb18030") from error
    return name


Encoding = Annotated[str, AfterValidator(_check_encoding)] | None  # the option of a data set; None for UTF-8


def read_text(file: Path, encoding: str | None = None, remedy: str = SAVE) -> str:
    """Read a text file; a byte order mark decides, else ``encoding``, else it is UTF-8.

    Args:
        encoding: as Python names it.
        remedy: for a file that is not UTF-8.

    Raises:
        BadInput: it cannot be read, or is not text in that encoding.
    """
    check_regular(file, LARGEST)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror}): restore or correct it") from error
    chosen = next((name for mark, name in MARKS if content.startswith(mark)), encoding or "utf-8")
    named = "UTF-8" if chosen in ("utf-8", "utf-8-sig") else chosen
    try:
        text = content.decode(chosen)
    except UnicodeError as error:
        number = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise BadInput(f"{file}, line {number}: not {named} text: {remedy}") from error
    if "\0" in text:
        raise BadInput(f"{file}: not {named} text, for it holds zero bytes: {remedy}")
    return text
