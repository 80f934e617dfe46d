"""Options of a data set as the command line writes them, ``--set a=b``."""

from collections.abc import Sequence
from typing import Any

from dann.config.yaml_files import parse_yaml
from dann.errors import BadInput


def read_assignments(sets: Sequence[str]) -> dict[str, Any]:
    """The values by their names.

    Raises:
        BadInput: one is no assignment, or its value is not YAML.
    """
    options: dict[str, Any] = {}
    for assignment in sets:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise BadInput(f"--set {assignment}: is no assignment: write a=b, such as --set size=64")
        options[key] = parse_yaml(value, f"--set {assignment}")
    return options
