"""Reading docstrings: the summary, the text, the meaning of each argument and the papers they cite."""

import inspect
import re
from dataclasses import dataclass

from dann.config.components import option_of

SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")
ARGUMENT = re.compile(r"(\w+): (.*)")
NAME = r"(?:(?:de|des|van|von|der) )?[A-Z][a-z’'-][\w’'-]*"
YEAR = r"\(?(?:19|20)\d\d\b\)?"
CITATION = re.compile(  # Ganin et al. 2016, section 4.2
    rf"(?P<paper>{NAME}(?: et al\.| and {NAME}) {YEAR}|{NAME} {YEAR}(?! [a-z]))"
    r"(?P<place>, (?:sections?|equations?|Figures?|Tables?|Algorithms?) (?:\(\d+\)|[A-Z]?\d+(?:\.\d+)*[a-z]?))?"
)
REFERENCE = re.compile(rf"(?:[A-Z]\.[- ]?)+{NAME}[^*:]*\*[^*]+\*, {YEAR}")  # K. Saenko, …, *Title*, 2010


@dataclass(frozen=True)
class Docstring:
    """A docstring in parts.

    Args:
        summary: its first sentence.
        text: the paragraphs behind the summary, without sections such as Args.
        meanings: of each argument, by name.
        papers: the works it cites, each once, with the first section or equation that is named.
    """

    summary: str
    text: tuple[str, ...]
    meanings: dict[str, str]
    papers: tuple[str, ...]


def parse_docstring(raw: str | None) -> Docstring:
    """The parts of a docstring in the style of this project."""
    text = inspect.cleandoc(raw or "").replace("``", "")
    blocks = [block for block in text.split("\n\n") if block.strip()]
    sections = {block.splitlines()[0]: block for block in blocks if SECTION.match(block.splitlines()[0])}
    paragraphs = tuple(_one_line(block) for block in blocks if block not in sections.values())
    summary, *others = paragraphs or ("",)
    return Docstring(summary, tuple(others), _meanings(sections.get("Args:", "")), _papers(_one_line(text)))


def _meanings(section: str) -> dict[str, str]:
    meanings: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n".join(section.splitlines()[1:])).splitlines():
        begun = ARGUMENT.match(line)
        if begun:
            name = option_of(begun[1])
        meanings[name] = begun[2] if begun else f"{meanings.get(name, '')} {line.strip()}"
    return meanings


def _papers(text: str) -> tuple[str, ...]:
    papers: dict[str, str] = {}
    for found in CITATION.finditer(text):
        paper = found["paper"].replace("(", "").replace(")", "")
        papers[paper] = papers.get(paper) or found["place"] or ""
    references = [reference.replace("*", "") for reference in REFERENCE.findall(text)]
    return (*(f"{paper}{place}" for paper, place in papers.items()), *references)


def _one_line(text: str) -> str:
    return " ".join(text.split())
