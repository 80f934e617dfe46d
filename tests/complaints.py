"""Messages of the command line for bad input."""

import pytest

from dann.cli.main import main


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The single line that a failing command prints."""
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("dann: ") and captured.err.count("\n") == 1, captured.err
    return captured.err
