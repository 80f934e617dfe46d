"""Escaping of plain text for LaTeX."""

GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta",
         "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho",
         "σ": "sigma", "τ": "tau", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
         "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi",
         "Ω": "Omega"}  # fmt: skip
MATHS = {"→": "to", "±": "pm", "×": "times", "≤": "leq", "≥": "geq", "▼": "blacktriangledown", "<": "<", ">": ">",
         "≈": "approx", "−": "-", "°": "^\\circ", "²": "^2"}  # fmt: skip
ESCAPES = str.maketrans(
    {character: rf"\{character}" for character in "&%_#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "—": "--", "–": "--"}
    | {"[": "{[}", "*": "{*}"}  # at the start of a row they would be options of the \\ before it
    | {letter: rf"$\{name}$" for letter, name in GREEK.items()}
    | {symbol: f"${name}$" if not name.isalpha() else rf"$\{name}$" for symbol, name in MATHS.items()}
)


def escape(text: str) -> str:
    """Text with LaTeX's own characters escaped, and Greek letters and symbols in maths."""
    return text.translate(ESCAPES)
