"""The file constraints.txt: the versions of libraries that the committed records were made with."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from dann.runner.records import Record

CONSTRAINTS = Path("constraints.txt")
LIBRARIES = ("torch", "torchvision", "numpy", "scikit-learn")  # that records name
HEADER = """\
# The versions that the committed results were made with, most of them if they differ, under Python {python}.
# pip install -c constraints.txt -e .
# make pages writes this file from the records, and make check compares it with them.
"""


def constraints(records: Iterable[Record]) -> str:
    """The text of the file: of each library the version of most records, the others in a comment."""
    environments = [record.environment for record in records]
    python = Counter(str(each["python"]) for each in environments).most_common(1)[0][0]
    lines = []
    for library in LIBRARIES:
        (version, _), *others = Counter(str(each[library]) for each in environments).most_common()
        comment = "".join(f", {count} runs with {other}" for other, count in others)
        lines.append(f"{library}=={version}" + (f"  # {comment.removeprefix(', ')}" if comment else ""))
    return HEADER.format(python=python) + "\n".join(lines) + "\n"
