"""The report of ``dann recommend`` as one self-contained HTML page. Imports no torch."""

from pathlib import Path

from dann.files.atomic_files import write_whole
from dann.reporting.advice import Advice
from dann.reporting.html.templates import render_template

TEMPLATE = "advice.html"


def write_advice(advice: Advice, place: Path) -> None:
    """Write the page; it needs nothing beside it and links nowhere."""
    write_whole(place, render_template(TEMPLATE, advice=advice))
