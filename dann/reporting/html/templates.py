"""The HTML templates of this folder. Imports no torch."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dann.config.naming import printable_lines


def render_template(template: str, **shown: Any) -> bytes:
    """A template of this folder with what it shows, in UTF-8."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True,
                              undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return printable_lines(environment.get_template(template).render(**shown)).encode()
