"""The findings behind ``dann recommend``: every number that they quote is in the table of the page that they name."""

import re
from pathlib import Path

import pytest

from dann.cli.recommendation.findings import (
    BASELINE,
    METHODS,
    OF_KIND,
    OF_LABEL_SHIFT,
    OF_MISSING,
    OF_PARTIAL,
    OF_RARE_CLASS,
    OF_SOURCES,
    PARTIAL,
    RELIABILITY,
    ROWS,
    Finding,
)
from dann.config.components import read_component
from dann.methods.all_methods import METHODS as KNOWN

ROOT = Path(__file__).parents[2]
FINDINGS = [*OF_KIND.values(), OF_PARTIAL, OF_RARE_CLASS, OF_MISSING, OF_LABEL_SHIFT, OF_SOURCES]


def tables(page: str) -> list[list[list[str]]]:
    """The tables of a page, each as its lines of cells, the headings first."""
    found: list[list[list[str]]] = [[]]
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def look_up(page: str, row: str, column: str) -> float:
    """The number of a row in the first table of a page that has the column and the row."""
    for heads, *lines in tables(page):
        cells = {line[0]: line for line in lines}
        if column in heads and row in cells:
            return float(cells[row][heads.index(column)].split(" ")[0])
    raise LookupError(f"{page}: {row}, {column}")


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.page)
def test_quoted_numbers_are_those_of_the_page(finding: Finding) -> None:
    for quote in finding.quotes:
        assert look_up(finding.page, quote.row, quote.column) == quote.value, quote


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.page)
def test_every_number_of_a_sentence_is_quoted(finding: Finding) -> None:
    decimals = {float(number) for number in re.findall(r"\d+\.\d+", finding.text)}
    assert decimals == {quote.value for quote in finding.quotes}, finding.text
    assert (ROOT / finding.page).is_file()


def test_the_reliability_of_the_vote_is_that_of_the_comparison_of_rules() -> None:
    for known in RELIABILITY.values():
        assert look_up("results/README.md", "vote", known.column) == known.vote
        assert look_up("results/README.md", "always source only", known.column) == known.never
        assert (ROOT / known.page).is_file()
    assert [kind for kind, known in RELIABILITY.items() if known.favours_source_only] == ["bags"]


def test_every_row_is_a_valid_method() -> None:
    for name in (BASELINE, *PARTIAL, *(name for names in METHODS.values() for name in names)):
        read_component(ROWS[name]["method"], "method", KNOWN, "method", "findings")
    assert METHODS.keys() == OF_KIND.keys()


def test_the_first_method_of_a_kind_is_the_best_of_its_page() -> None:
    for kind, finding in OF_KIND.items():
        quoted = {quote.row: quote.value for quote in finding.quotes}
        if quoted:
            assert max(quoted, key=quoted.__getitem__) == METHODS[kind][0]
            assert set(METHODS[kind]) <= set(quoted)
