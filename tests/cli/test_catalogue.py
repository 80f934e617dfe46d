"""``dann list`` and ``dann describe`` show every entry with its options, their meanings and its source."""

from typing import Annotated, Any, Literal

import pytest
from complaints import complaint
from pydantic import Field

from dann.cli.arguments import KINDS
from dann.cli.docstrings import parse_docstring
from dann.cli.kinds import entries
from dann.cli.main import main
from dann.cli.option_types import describe_type, format_value


def shown(capsys: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str, width: int = 100) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(list(arguments)) == 0
    out: str = capsys.readouterr().out
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_and_every_option_has_a_meaning(kind: str) -> None:
    known = entries(kind)
    assert known
    for name, entry in known.items():
        assert entry.doc.summary, name
        for option in entry.options:
            assert option.meaning, f"{kind} {name}: option {option.name} has no line under Args"
            assert option.type and "typing" not in option.type and "<" not in option.type.replace("< 1", ""), option
            assert option.default


@pytest.mark.parametrize("name", entries("method"))
def test_every_method_but_plain_training_has_a_source(name: str) -> None:
    assert entries("method")[name].doc.papers or name == "source_only"


def test_the_list_has_one_line_per_entry_within_the_width(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown(capsys, monkeypatch, "list")
    lines = out.splitlines()
    assert all(len(line) <= 100 for line in lines), max(lines, key=len)
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert names == [name for kind in KINDS for name in entries(kind)]
    assert f"{len(entries('method'))} methods" in lines[0] and "dann describe method NAME" in out


def test_the_list_of_a_kind_has_its_sentences_in_full(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown(capsys, monkeypatch, "list", "methods")
    assert entries("method")["dann"].doc.summary in " ".join(out.split()) and "…" not in out
    assert out == shown(capsys, monkeypatch, "describe", "method")


def test_a_description_shows_text_options_use_source_and_module(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out = " ".join(shown(capsys, monkeypatch, "describe", "method", "dann", width=160).split())
    for part in (
        "Use method: {name: dann}",
        "Source Ganin et al. 2016, section 4.2",
        "Module dann.methods.dann",
        "schedule ramp | constant | adaptive ramp",
        "horizon number in (0, 1] 1.0",
        "discriminator list of integer",
    ):
        assert part in out
    out = shown(capsys, monkeypatch, "describe", "network", "torchvision", width=160)
    assert "network: {name: torchvision, model: …}" in out and "required" in out
    out = shown(capsys, monkeypatch, "describe", "optimizer", "sgd", width=160)
    assert "{name: constant}" in out and "nesterov" in out
    out = shown(capsys, monkeypatch, "describe", "schedule", "step", width=160)
    assert "optimizer: {schedule: {name: step}}" in out and "warmup" in out and "[0.5, 0.75]" in out
    assert "hue" in shown(capsys, monkeypatch, "describe", "transform", "jitter")
    assert "--selection vote" in shown(capsys, monkeypatch, "describe", "rule", "vote")
    assert "metrics: [auc]" in shown(capsys, monkeypatch, "describe", "metric", "auc")


def test_an_option_that_is_a_mapping_is_followed_by_its_own(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown(capsys, monkeypatch, "describe", "network", "mnist", width=160)
    assert "network: {name: mnist}\n" in out and "bottleneck.classifier" in out
    options = {option.name: option for option in entries("network")["mnist"].options}
    assert (options["bottleneck.width"].default, options["bottleneck.dropout"].type) == ("required", "number in [0, 1)")
    assert not any("." in option.name for option in entries("optimiser")["sgd"].options)


def test_an_unknown_name_or_kind_is_one_line(capsys: Any) -> None:
    line = complaint(capsys, "describe", "method", "dannn")
    assert line.startswith("dann: dann describe: unknown method 'dannn'; did you mean dann?")
    assert "invalid choice: 'colour'" in complaint(capsys, "describe", "colour")


def test_docstrings_are_parsed() -> None:
    doc = parse_docstring("""One: two (Ganin et al. 2016, section 4.2).

    More by Sun and Saenko 2016, equation (3), and Hull 1994. ESANN 2013; Training 2000 examples.
    A. Author, B.-C. Other, *A Title*, 2010.

    Args:
        a: ``first``,
            on two lines: yes.
        b_c: second.

    Raises:
        ValueError: no.
    """)
    assert doc.summary == "One: two (Ganin et al. 2016, section 4.2)." and len(doc.text) == 1
    assert doc.meanings == {"a": "first, on two lines: yes.", "b_c": "second."}
    assert doc.papers == (
        "Ganin et al. 2016, section 4.2", "Sun and Saenko 2016, equation (3)", "Hull 1994",
        "A. Author, B.-C. Other, A Title, 2010",
    )  # fmt: skip
    assert parse_docstring(None).summary == ""


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "integer"),
        (bool, "true | false"),
        (str | None, "text or null"),
        (Literal["a", 1], "a | 1"),
        (Annotated[float, Field(ge=0)], "number ≥ 0"),
        (Annotated[float, Field(gt=0, lt=1)], "number in (0, 1)"),
        (Annotated[int, Field(ge=1)] | None, "integer ≥ 1 or null"),
        (Annotated[list[str], Field(min_length=1)], "non-empty list of text"),
        (tuple[int, float], "[integer, number]"),
    ],
)
def test_types_in_words(annotation: Any, text: str) -> None:
    assert describe_type(annotation) == text


def test_values_as_yaml() -> None:
    assert [format_value(value) for value in (None, True, (0.1, 1), "a b", {"b": 1, "a": "x: y"})] == [
        "null", "true", "[0.1, 1]", "a b", "{b: 1, a: 'x: y'}",
    ]  # fmt: skip


def test_the_parser_knows_the_kinds_that_are_described() -> None:
    from dann.cli import kinds  # imports torch, which the parser must not

    assert set(kinds.KINDS) == set(KINDS)
