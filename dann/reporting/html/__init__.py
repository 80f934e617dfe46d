"""The HTML report, in which every number leads to its runs."""
