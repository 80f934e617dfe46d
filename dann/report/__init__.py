"""``dann report``: experiments as one HTML page, which ``page`` puts together. Imports no torch."""

from dann.report.page import write_report

__all__ = ["write_report"]
