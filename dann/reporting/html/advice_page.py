"""The report of ``dann recommend`` as one self-contained HTML page. Imports no torch."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dann.config.naming import printable_lines
from dann.files.atomic_files import write_whole
from dann.reporting.advice import Advice

TEMPLATE = Path(__file__).with_name("advice.html")


def write_advice(advice: Advice, place: Path) -> None:
    """Write the page; it needs nothing beside it and links nowhere."""
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    page = environment.get_template(TEMPLATE.name).render(advice=advice)
    write_whole(place, printable_lines(page).encode())
