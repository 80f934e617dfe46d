"""What the command line says of bad input."""

import pytest

from dann.cli.main import main


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a command complains with."""
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("dann: ") and captured.err.count("\n") == 1, captured.err
    return captured.err
