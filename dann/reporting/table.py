"""A table and its cells, in Markdown, LaTeX and JSON. Imports no torch."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from dann.evaluation.statistics import deviation, interval

NONE = "—"
WORDS = ("against", "alarms", "chosen", "row chosen most")  # columns of these names hold words
AGAINST, ALARMS, CHOSEN, MOST = WORDS
DIFFERENCE = "difference, points"


def holds_words(column: str) -> bool:
    """Whether what a column holds is words, not numbers; what comes before a colon says of which runs."""
    return column.rpartition(": ")[2] in WORDS


@dataclass(frozen=True)
class Cell:
    """What a table shows, and what JSON tells of it."""

    text: str = NONE
    facts: Any = None


@dataclass(frozen=True)
class Table:
    """A row per variant, each with a cell per column.

    Args:
        corner: heads the variants.
        facts: what JSON tells beside the cells.
    """

    title: str
    columns: list[str]
    rows: dict[str, list[Cell]]
    notes: list[str] = field(default_factory=list)
    corner: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def markdown(self) -> str:
        header = [self.corner, *self.columns]
        lines = [_joined(header), _joined(["---", *("---" if holds_words(name) else "---:" for name in self.columns)])]
        lines += [_joined([name, *(cell.text for cell in cells)]) for name, cells in self.rows.items()]
        return "\n".join(lines) + "\n\n" + " ".join(self.notes) + "\n"

    def latex(self) -> str:
        """A tabular for the booktabs package, and amssymb where there is a ▼."""
        aligned = "".join("l" if holds_words(name) else "r" for name in self.columns)
        lines = [rf"\begin{{tabular}}{{l{aligned}}}", r"\toprule", _row([self.corner, *self.columns]), r"\midrule"]
        lines += [_row([name, *(cell.text for cell in cells)]) for name, cells in self.rows.items()]
        notes = [f"% {' '.join(note.split())}" for note in [self.title, *self.notes]]
        return "\n".join([*notes, *lines, r"\bottomrule", r"\end{tabular}"]) + "\n"

    def json(self) -> str:
        rows = {name: dict(zip(self.columns, (cell.facts for cell in cells), strict=True))
                for name, cells in self.rows.items()}  # fmt: skip
        content = {"title": self.title, **self.facts, "rows": rows, "notes": self.notes}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


FORMATS: dict[str, Callable[[Table], str]] = {"md": Table.markdown, "latex": Table.latex, "json": Table.json}


def score(scores: Mapping[int, float], usual: int) -> Cell:
    """Per cent: mean, standard deviation and, where it is not the usual one, the number of seeds.

    Args:
        scores: by seed, as shares of 1.
        usual: how many seeds the table's notes tell of.
    """
    values = list(scores.values())
    if not values:
        return Cell()
    spread, half = deviation(values), interval(values)
    text = f"{100 * fmean(values):.1f}" + ("" if spread is None else f" ± {100 * spread:.1f}")
    text += "" if len(values) == usual else f" (n = {len(values)})"
    facts = {"mean": fmean(values), "deviation": spread, "interval": bounds(fmean(values), half), "n": len(values),
             "values": values, "seeds": list(scores)}  # fmt: skip
    return Cell(text, facts)


def spanned(scores: Mapping[int, float]) -> Cell:
    """The 95 % t-interval of the mean over seeds, in per cent."""
    values = list(scores.values())
    ends = bounds(fmean(values), interval(values)) if values else None
    return Cell() if ends is None else Cell("–".join(f"{100 * end:.1f}".replace("-", "−") for end in ends), ends)


def bounds(mean: float, half_width: float | None) -> list[float] | None:
    """The ends of an interval."""
    return None if half_width is None else [mean - half_width, mean + half_width]


def signed(share: float) -> str:
    """A difference of shares of 1 in points, as +1.4 or −1.4."""
    text = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if text in {"+0.0", "−0.0"} else text


def _joined(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cell.translate(ESCAPED) for cell in cells) + r" \\"


GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta",
         "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho",
         "σ": "sigma", "τ": "tau", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
         "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi",
         "Ω": "Omega"}  # fmt: skip
MATHS = {"→": "to", "±": "pm", "×": "times", "≤": "leq", "≥": "geq", "▼": "blacktriangledown", "<": "<", ">": ">",
         "≈": "approx", "−": "-", "°": "^\\circ", "²": "^2"}  # fmt: skip
ESCAPED = str.maketrans(
    {character: rf"\{character}" for character in "&%_#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "—": "--", "–": "--"}
    | {letter: rf"$\{name}$" for letter, name in GREEK.items()}
    | {symbol: f"${name}$" if not name.isalpha() else rf"$\{name}$" for symbol, name in MATHS.items()}
)
