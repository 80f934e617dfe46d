"""The one exception for what a user can put right."""


class BadInput(Exception):
    """Names the place and the remedy in one line; the command line prints it and exits with status 2."""
