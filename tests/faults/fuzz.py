"""Bad input at random: experiment files, records, run folders, data files and command lines, altered in many ways."""

import json
import lzma
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import yaml
from arguments_at_random import command_line
from fuzz_templates import Template, make_template
from generated_experiments import experiments, generate
from mutations import damage, mutate
from odd_files import MAKERS, weights
from outcome import Outcome
from reader_commands import COMMANDS
from sandbox import Case, Sandbox, Verdict

ROOT = Path(__file__).parent.parent.parent
RIGHT = "done, or one line with the cause; no traceback, none over 5 s, nothing written elsewhere"
FILE = "experiments/file.yaml"
UPDATES, LONGEST = {"steps", "reverse_steps", "num_k"}, 50  # options that multiply the time of a run; their largest
Draw = Callable[[random.Random, Template], Case]


@dataclass(frozen=True)
class Surface:
    """A kind of input.

    Args:
        share: of all cases.
        draw: makes a case.
    """

    name: str
    share: float
    draw: Draw


def _experiment_texts() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "experiments").rglob("*.yaml"))]


EXPERIMENTS = _experiment_texts()


def draw_experiment(random: random.Random, template: Template) -> Case:
    """An experiment file of the repository with changes to its values."""
    content = mutate(yaml.safe_load(random.choice(EXPERIMENTS)), random, random.choice([1, 1, 1, 2, 5]))
    return _dry_run(content, random.random() < 0.2)


def draw_text(random: random.Random, template: Template) -> Case:
    """An experiment file with damage to its bytes."""
    return Case(["run", FILE, "--dry-run", "--out", "none"], {FILE: damage(random.choice(EXPERIMENTS), random)})


def draw_run(random: random.Random, template: Template) -> Case:
    """A small experiment, of any method and options or with changes, of which all runs are made."""
    content = generate(random, small=True) if random.random() < 0.7 else template.experiment
    content = mutate(content, random, random.choice([0, 0, 1]) if content is not template.experiment else 1)
    text = yaml.dump(_shorten(content), Dumper=yaml.SafeDumper, sort_keys=False)
    # In a folder of its own: one with the template's runs refuses most changes before anything runs.
    command = ["run", FILE, "--jobs", "1", "--device", "cpu", "--out", "out"]
    return Case(command, {FILE: text.encode("utf-8", "surrogatepass")}, draws=random.random() < 0.05)


def _shorten(content: Any) -> Any:
    """The same with a bounded number of updates: a million of them are valid, and take hours."""
    if isinstance(content, list):
        return [_shorten(each) for each in content]
    if not isinstance(content, dict):
        return content
    long = {key for key, value in content.items() if key in UPDATES and isinstance(value, int) and value > LONGEST}
    return {key: LONGEST if key in long else _shorten(value) for key, value in content.items()}


def draw_records(random: random.Random, template: Template) -> Case:
    """Records with changes to their values, packed or in the folder of a run, and a command that reads them."""
    record = mutate(json.loads(template.record), random, random.choice([1, 1, 1, 3]))
    line = json.dumps(record, default=str).encode()
    if random.random() < 0.2:
        line = damage(template.record, random)
    command, written = random.choice(template.readers), ("runs", "out", "results")
    made = COMMANDS.get(command[0])
    if random.random() < 0.5:
        return Case([*command], {f"{template.run}/record.json": line}, written, command=made)
    packed = lzma.compress(line + b"\n" + template.record)
    packed = damage(packed, random) if random.random() < 0.1 else packed
    return Case([*command], {f"{template.folder}/records.jsonl.xz": packed}, written, command=made)


def draw_folder(random: random.Random, template: Template) -> Case:
    """A run's folder, finished or not, with one damaged file, and a command that reads it."""
    name, content = random.choice(sorted(template.files.items()))
    if name.endswith((".json", ".jsonl", ".yaml")) and random.random() < 0.7:
        content = _change_text(name, content, random)
    else:
        content = damage(content, random)
    used = ("runs", "out", "out.csv", "model.onnx")
    return Case(random.choice(template.users), {name: content}, used, draws=random.random() < 0.1)


def _change_text(name: str, content: bytes, random: random.Random) -> bytes:
    if name.endswith(".yaml"):
        return yaml.safe_dump(mutate(yaml.safe_load(content), random)).encode("utf-8", "surrogatepass")
    lines = content.splitlines()
    at = random.randrange(len(lines))
    lines[at] = json.dumps(mutate(json.loads(lines[at]), random), default=str).encode()
    return b"\n".join(lines) + b"\n"


def draw_data(random: random.Random, template: Template) -> Case:
    """A damaged data file, archive or file of weights, and a command that reads it."""
    name, content, commands = random.choice(template.data)
    return _reading(random.choice(commands), name, damage(content, random))


def draw_container(random: random.Random, template: Template) -> Case:
    """A whole data file, archive or file of weights with odd content, and a command that reads it."""
    name, content, commands = random.choice(template.data)
    odd = weights(content, random) if name.startswith("weights") else MAKERS[Path(name).suffix](random)
    return _reading(random.choice(commands), name, damage(odd, random) if random.random() < 0.1 else odd)


def _reading(words: list[str], name: str, content: bytes) -> Case:
    written = ("runs", "out", "out.yaml", "out.csv")
    return Case(words, {name: content}, written, draws=False, command=COMMANDS.get(words[0]))


def draw_arguments(random: random.Random, template: Template) -> Case:
    """A command line of odd words."""
    outputs = ("runs", "out", "out.yaml", "experiment.yaml")
    return Case(command_line(random), {}, outputs, draws=random.random() < 0.1)


SURFACES = [
    Surface("values of experiment files", 0.34, draw_experiment),
    Surface("bytes of experiment files", 0.12, draw_text),
    Surface("experiments that run", 0.03, draw_run),
    Surface("records", 0.17, draw_records),
    Surface("files of run folders", 0.03, draw_folder),
    Surface("data files with damage", 0.06, draw_data),
    Surface("data files with odd content", 0.08, draw_container),
    Surface("command lines", 0.06, draw_arguments),
]


def measure(cases: int, seed: int, folder: Path) -> list[Outcome]:
    """Outcomes of ``cases`` cases over all kinds of input; case n of a kind and seed is always the same."""
    template = make_template(folder / "template")
    hypothesis.configuration.set_hypothesis_home_dir(folder / "hypothesis")
    with Sandbox(folder / "sandbox", template.root) as sandbox:
        generated = _generated(sandbox, cases - sum(round(cases * each.share) for each in SURFACES), seed)
        return [*(_outcome(each.name, _verdicts(each, sandbox, template, round(cases * each.share), seed))
                  for each in SURFACES), _outcome("experiment files by hypothesis", generated)]  # fmt: skip


def _generated(sandbox: Sandbox, cases: int, seed: int) -> list[Verdict]:
    """Verdicts on experiments that hypothesis generates."""
    found: list[Verdict] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=cases, database=None, deadline=None, phases=[hypothesis.Phase.generate],
                         suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip
    @hypothesis.given(experiments())
    def run(content: dict[str, Any]) -> None:
        found.append(sandbox.run(_dry_run(content)))

    run()
    return found


def _dry_run(content: Any, unicode: bool = False) -> Case:
    text = yaml.dump(content, Dumper=yaml.SafeDumper, sort_keys=False, allow_unicode=unicode)
    return Case(["run", FILE, "--dry-run", "--out", "none"], {FILE: text.encode("utf-8", "surrogatepass")})


def verdicts(surface: Surface, sandbox: Sandbox, template: Template, cases: int, seed: int
             ) -> Iterator[tuple[Case, Verdict]]:  # fmt: skip
    for number in range(cases):
        case = surface.draw(random.Random(f"{surface.name} {seed} {number}"), template)
        yield case, sandbox.run(case)


def _verdicts(surface: Surface, sandbox: Sandbox, template: Template, cases: int, seed: int) -> Iterator[Verdict]:
    return (verdict for _, verdict in verdicts(surface, sandbox, template, cases, seed))


def _outcome(what: str, each: Iterable[Verdict]) -> Outcome:
    faults, first, slowest, refused, cases = Counter[str](), dict[str, int](), 0.0, 0, 0
    for verdict in each:
        cases += 1
        slowest, refused = max(slowest, verdict.seconds), refused + (verdict.status == 2)
        if verdict.fault:
            faults[kind := _kind(verdict.fault)] += 1
            first.setdefault(kind, cases - 1)
    detail = f"{refused} refused, the slowest {slowest:.1f} s"
    if faults:
        detail += "; " + "; ".join(
            f"{fault} ({count}, first in case {first[fault]})" for fault, count in faults.most_common(3)
        )
    return Outcome(what, RIGHT, cases, faults.total(), detail)


def _kind(fault: str) -> str:
    """A fault without what differs from case to case."""
    return re.sub(r"(/\S+/|'[^']*')", "…", fault.partition(": ")[0])


def faults(surface: str, cases: int, seed: int, folder: Path) -> dict[str, Any]:
    """For a developer: the cases with a fault by its kind, the first of each, with how many there are."""
    template, found, counts = make_template(folder / "template"), {}, Counter[str]()
    chosen = next(each for each in SURFACES if each.name == surface)
    with Sandbox(folder / "sandbox", template.root) as sandbox:
        for number, (case, verdict) in enumerate(verdicts(chosen, sandbox, template, cases, seed)):
            if verdict.fault:
                counts[kind := _kind(verdict.fault)] += 1
                found.setdefault(kind, (number, verdict.fault, case))
    return {kind: (counts[kind], *found[kind]) for kind in found}
