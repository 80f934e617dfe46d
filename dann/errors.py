"""The exception for errors that the user can correct."""


class BadInput(Exception):
    """One line with the place, the cause and the remedy; the command line prints it and exits with status 2."""
