"""A search with seeds of its own: the choice, the runs that follow from it, and their launch in one command."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import yaml
from complaints import complaint
from made_records import record_of
from tiny import DIAGNOSED, TINY, write_tiny

from dann.cli.main import main
from dann.config.experiment import Experiment, read_experiment, write_experiment
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.reporting.setting_selection import select_settings
from dann.runner.experiment_records import find_other_runs, find_unchosen_runs, read_records
from dann.runner.records import Record, read_record, write_record
from dann.runner.search_choice import (
    Choice,
    choose_settings,
    count_unknown_runs,
    later_runs,
    planned_runs,
)

LR = "optimizer.lr"
WILD: dict[str, Any] = {  # to be laid over it: numbers overflow at a large rate
    "train": {"steps": 4, "log_every": 1},
    "optimizer": {"name": "sgd"},
    "network": {"activation": "relu"},
}
SEARCH: dict[str, Any] = {"budget": 2, "keys": {LR: [0.02, 0.1]}, "seeds": [100, 101]}
LOW, HIGH = {LR: 0.02}, {LR: 0.1}


def searched(**changes: Any) -> Experiment:
    return Experiment(**{**TINY, "published": {}, "search": {**SEARCH, **changes}})


def judged(setting: dict[str, Any], seed: int, validation: float, target: float, variant: str = "DANN") -> Record:
    """A record whose last evaluation has these accuracies; at earlier steps every setting looks alike."""
    record = record_of(variant, seed, target)
    last = {**record.evaluations[-1], "source_validation": validation}
    declared = searched().merge_configuration(variant, None, setting)
    return replace(record, evaluations=[*record.evaluations[:-1], last], setting=setting, declared=declared)


def complete(own: Sequence[float], low: Sequence[float], high: Sequence[float], variant: str = "DANN") -> list[Record]:
    """The records of a row's search: of each setting the validation accuracies, then the target ones, by seed."""
    settings = ((LOW, low), (HIGH, high), ({}, own))
    return [judged(setting, seed, values[at], values[2 + at], variant)
            for setting, values in settings for at, seed in enumerate((100, 101))]  # fmt: skip


RECORDS = complete(own=[0.8, 0.8, 0.5, 0.6], low=[0.9, 0.74, 0.2, 0.3], high=[0.7, 0.7, 0.9, 0.9])


def choice_of(records: Sequence[Record], **changes: Any) -> Choice:
    return choose_settings(searched(**changes), records)[None, "DANN"]


def test_the_rule_chooses_by_the_mean_over_the_seeds_of_the_search_and_the_oracle_by_target_labels() -> None:
    assert choice_of(RECORDS) == Choice(LOW, HIGH)  # 0.82 against 0.8 and 0.7; 0.9 on the target
    other = replace(judged({}, 0, 1.0, 1.0), setting={})  # a run with a fresh seed, which chooses nothing
    assert choice_of([*RECORDS, other]) == Choice(LOW, HIGH)


def test_the_oracle_never_influences_what_is_tuned() -> None:
    """Any other target accuracies leave the rule's choice as it is, and change the oracle's alone."""
    for targets in ([0.0, 0.5, 1.0], [1.0, 0.0, 0.5], [0.5, 1.0, 0.0]):
        records = [replace(record, evaluations=[*record.evaluations[:-1],
                                                {**record.evaluations[-1], "target_test": targets[at // 2]}])
                   for at, record in enumerate(RECORDS)]  # fmt: skip
        assert choice_of(records) == Choice(LOW, (LOW, HIGH, {})[targets.index(1.0)])


def test_own_values_win_where_settings_tie_or_have_no_score() -> None:
    same = [0.8, 0.8, 0.5, 0.5]
    assert choice_of(complete(same, same, same)) == Choice({}, {})
    assert choice_of(RECORDS, rule="dev") == Choice({}, HIGH, is_blind=True)


def test_nothing_is_chosen_before_the_search_is_complete() -> None:
    assert choice_of(RECORDS[:-1]) == Choice(missing=1) and choice_of([]) == Choice(missing=6)
    experiment = searched()
    assert later_runs(experiment, RECORDS[1:]) == []
    assert count_unknown_runs(experiment, RECORDS[1:], experiment.first_runs()) == 2 * 2 * 2
    assert count_unknown_runs(experiment, RECORDS, experiment.first_runs(["DANN"])) == 0
    assert select_settings(experiment, [*RECORDS[1:], judged(LOW, 0, 0.9, 0.9)]) == []


def test_a_setting_of_which_a_run_failed_cannot_be_chosen() -> None:
    failed = [replace(RECORDS[0], failed="step 3: loss_label nan"), *RECORDS[1:]]
    assert choice_of(failed) == Choice({}, HIGH, failed=(f"{LR} = 0.02",))
    every = [replace(record, failed="step 3") for record in RECORDS]
    assert choice_of(every) == Choice(failed=(f"{LR} = 0.02", f"{LR} = 0.1", ""))


def test_without_target_labels_there_is_no_oracle() -> None:
    bare = [replace(record, evaluations=[{key: value for key, value in each.items() if key != "target_test"}
                                         for each in record.evaluations]) for record in RECORDS]  # fmt: skip
    assert choice_of(bare) == Choice(LOW, None)
    settings = [run.setting for run in later_runs(searched(), bare)]
    assert settings == [LOW, LOW]


def test_fresh_seeds_train_each_choice_once() -> None:
    experiment = searched()
    later = later_runs(experiment, RECORDS)
    assert [(run.variant, run.setting, run.seed) for run in later] == [
        ("DANN", setting, seed) for setting in (LOW, HIGH) for seed in (0, 1)
    ]
    assert all(run.declared == experiment.merge_configuration("DANN", None, run.setting) for run in later)
    same = complete([0.5] * 4, [0.9] * 4, [0.6] * 4)  # both choose the low rate
    assert [(run.setting, run.seed) for run in later_runs(experiment, same)] == [(LOW, 0), (LOW, 1)]
    own = complete([0.9] * 4, [0.5] * 4, [0.6] * 4)
    assert later_runs(experiment, own) == [] and planned_runs(experiment, own) == [
        run for run in experiment.runs() if run.seed > 1 or not run.setting
    ]
    few = later_runs(experiment, RECORDS, experiment.first_runs(["DANN"], [7]))
    assert [(run.setting, run.seed) for run in few] == [(LOW, 7), (HIGH, 7)]
    assert later_runs(experiment, RECORDS, experiment.first_runs(["source only"])) == []


def test_each_candidate_shows_its_runs_with_fresh_seeds() -> None:
    fresh = [judged(setting, seed, 0.5, 0.5) for setting in ({}, LOW, HIGH) for seed in (0, 1)]
    experiment, every = searched(), [*RECORDS, *fresh]
    assert select_settings(experiment, every) == fresh[2:4] == select_settings(experiment, every, "oracle")
    assert select_settings(experiment, every, candidate="default") == fresh[:2]
    assert select_settings(experiment, every, candidate="oracle") == fresh[4:]


def test_a_rule_whose_score_no_run_has_is_refused() -> None:
    with pytest.raises(BadInput, match=r"search.rule dev: these runs have no such score: set diagnose"):
        later_runs(searched(rule="dev"), RECORDS)


def write_all(experiment: Experiment, records: Sequence[Record], folder: Path) -> None:
    folder.mkdir(parents=True)
    write_experiment(experiment, folder / "experiment.yaml")
    for record in records:
        (folder / record.run.folder).mkdir(parents=True)
        write_record(record, folder / record.run.folder)


def test_runs_of_what_is_not_chosen_any_more_are_kept_and_named(tmp_path: Path, capsys: Any) -> None:
    fresh = [judged(setting, seed, 0.5, 0.5) for setting in ({}, LOW, HIGH) for seed in (0, 1)]
    folder = tmp_path / "tiny"
    write_all(searched(), [*RECORDS, *fresh], folder)
    assert len(read_records(searched(), folder)) == 12 and find_unchosen_runs(searched(), folder) == []
    better = judged({}, 100, 1.0, 0.95)  # own values are now the rule's choice, and the low rate nobody's
    write_record(better, folder / better.run.folder)
    unchosen = [folder / f"dann/optimizer.lr-0.02/seed-{seed}" for seed in (0, 1)]
    assert find_unchosen_runs(searched(), folder) == unchosen and find_other_runs(searched(), folder) == []
    assert not set(unchosen) & set(read_records(searched(), folder))
    assert main(["table", str(folder)]) == 0
    told = capsys.readouterr()
    assert f"{unchosen[0]} and 1 more: not shown, as the search does not choose this setting now" in told.err
    assert "10 runs, 10 minutes in total" in told.out and all((place / "record.json").is_file() for place in unchosen)


# Successive halving

HALVING: dict[str, Any] = {
    "kind": "halving", "budget": 9, "rungs": 3, "factor": 3, "keys": {LR: {"log": [0.001, 1.0]}},
}  # fmt: skip


def test_each_rung_has_the_best_of_the_one_before_for_more_steps() -> None:
    experiment = searched(**HALVING)
    first, second, last = experiment.rungs("DANN")
    assert [setting["train.steps"] for setting in (first[0], second[0])] == [1, 4] and "train.steps" not in last[0]
    assert [each[LR] for each in first] == [each[LR] for each in second] == [each[LR] for each in last]
    records = [judged({}, seed, 0.5, 0.5) for seed in (100, 101)]

    def make(runs: Sequence[Run]) -> None:
        # By the first rung the small rates are best, by the second the largest of these.
        for run in runs:
            rate = run.setting[LR]
            accuracy = rate if run.setting.get("train.steps") == 4 else 0.9 - rate / 2
            records.append(judged(run.setting, run.seed, accuracy + 0.001 * (run.seed - 100), rate))

    def of_dann(runs: Sequence[Run]) -> list[Run]:
        return [run for run in runs if run.variant == "DANN" and run.setting]

    make(beginning := of_dann([*experiment.first_runs()]))
    assert [run.setting for run in beginning] == [each for each in first for _ in (100, 101)]
    small = sorted(first, key=lambda each: each[LR])[:3]
    more = later_runs(experiment, records)
    assert [run.setting for run in more] == [
        second[place] for place in range(9) if first[place] in small for _ in (100, 101)
    ]
    assert {run.declared["train"]["steps"] for run in more} == {4} and choice_of(records, **HALVING).missing == 6
    make(more[:-1])
    assert later_runs(experiment, records) == more
    make(more[-1:])
    largest = max(small, key=lambda each: each[LR])[LR]
    final = later_runs(experiment, records)[6:]
    assert [run.setting for run in final] == [{LR: largest}] * 2 and final[0].declared["train"]["steps"] == 12
    assert count_unknown_runs(experiment, records, experiment.first_runs(["DANN"])) == 2 * 2
    make(final)
    assert choice_of(records, **HALVING) == Choice({LR: largest}, {} if largest < 0.5 else {LR: largest})
    fresh = [run for run in later_runs(experiment, records) if run.seed < 100]
    assert [(run.setting, run.seed) for run in fresh] == [({LR: largest}, 0), ({LR: largest}, 1)]


def test_a_setting_that_fails_does_not_climb() -> None:
    experiment = searched(**HALVING)
    runs = [run for run in experiment.first_runs(["DANN"]) if run.seed > 1 and run.setting]
    records = [judged(run.setting, run.seed, 1 - run.setting[LR] / 2, 0.5) for run in runs]
    best = min(each.setting[LR] for each in records)
    failed = [replace(each, failed="step 1") if each.setting[LR] == best else each for each in records]
    climbed = {run.setting[LR] for run in later_runs(experiment, failed)}
    assert len(climbed) == 3 and best not in climbed
    every = [replace(each, failed="step 1") for each in records]
    assert later_runs(experiment, every) == []
    own = [judged({}, seed, 0.5, 0.5) for seed in (100, 101)]
    assert choice_of([*every, *own], **HALVING).tuned == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": []}, "halving chooses between runs: give it seeds of its own"),
        ({"budget": 8}, "8 settings leave none for the last of 3 rungs: give at least 9"),
        ({"kind": "random"}, r"search\.factor: is of kind: halving: set that, or leave it out"),
        ({"keys": {"train.steps": [1, 2]}}, "train.steps is set by the rungs of halving: leave it out"),
        ({"budget": {"DANN": 9, "source only": 9}}, "halving draws as often for every row: give one number"),
    ],
)
def test_halving_that_cannot_be_made_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    search = {**SEARCH, **HALVING, **changes}
    search = {key: value for key, value in search.items() if value != []}
    content = {**TINY, "published": {}, "search": search}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(BadInput, match=message):
        read_experiment(tmp_path / "tiny.yaml")


# One command


def by_votes(records: Sequence[Record]) -> dict[str, float]:
    """Each setting's mean rank by the vote, computed anew; settings that have lost the source are left out."""

    def mean(setting: str, key: str) -> float:
        return fmean(record.evaluations[-1][key] for record in records if record.run.row[2] == setting)

    names = dict.fromkeys(record.run.row[2] for record in records)
    best = max(mean(name, "source_validation") for name in names)
    kept = [name for name in names if mean(name, "source_validation") >= 0.95 * best]
    voters = ("score_im", "score_snd", "score_bnm", "score_dev", "source_validation")  # each the larger the better

    def place(name: str, key: str) -> float:
        own, others = mean(name, key), [mean(other, key) for other in kept if other != name]
        return 1 + sum(other > own for other in others) + sum(other == own for other in others) / 2

    return {name: fmean(place(name, key) for key in voters) for name in kept}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``dann run`` of the file in a temporary folder, without figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dann.reporting.figures.draw.draw_all", lambda *_: [])
    return lambda *words: main(["run", "tiny.yaml", "--jobs", "1", *words])


def counted(capsys: Any, *words: str) -> tuple[str, dict[str, dict[str, list[int]]]]:
    """The lines on numbers of runs of a dry run, and its runs."""
    capsys.readouterr()
    assert main(["run", "tiny.yaml", "--dry-run", *words]) == 0
    text = capsys.readouterr().out
    return "\n".join(re.findall("^# .*runs.*", text, flags=re.MULTILINE)), yaml.safe_load(text)["runs"]


@pytest.mark.slow
def test_one_command_searches_chooses_and_trains_the_choice(
    command: Callable[..., int], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = {"budget": 2, "rule": "vote", "seeds": [100], "keys": {LR: [0.1, 0.01]}}
    base = {**DIAGNOSED, "optimizer": {"lr": 0.003}}
    write_tiny(Path("tiny.yaml"), base=base, search=search)
    text, runs = counted(capsys)
    assert "10 runs: 0 finished, 0 unfinished, 10 to make" in text and "at most 8 more runs" in text
    assert runs["DANN"] == {"to make": [100, 0, 1]} and runs[f"DANN, {LR} = 0.1"] == {"to make": [100]}

    from dann.runner import planning

    genuine, launched = planning.launch, list[list[Run]]()

    def interrupted(experiment: Experiment, runs: list[Run], *rest: Any) -> None:
        launched.append(runs)
        if len(launched) == 2:
            raise KeyboardInterrupt
        genuine(experiment, runs, *rest)

    with monkeypatch.context() as patch:  # between the phases
        patch.setattr(planning, "launch", interrupted)
        assert command() == 130
    experiment, folder = read_experiment(Path("tiny.yaml")), Path("runs/tiny")
    assert [(run.row, run.seed) for run in launched[0]] == [(run.row, run.seed) for run in experiment.first_runs()]
    before = {file: file.read_bytes() for file in folder.rglob("record.json")}
    assert len(before) == 10
    text, runs = counted(capsys)
    total = len(planned_runs(experiment, read_records(experiment, folder).values()))
    assert f"{total} runs: 10 finished, 0 unfinished, {total - 10} to make" in text and "at most" not in text
    assert 10 < total <= 18 and {"finished": [100], "to make": [0, 1]} in runs.values()

    assert command() == 0
    output = capsys.readouterr().out
    assert all(file.read_bytes() == content for file, content in before.items())
    records = list(read_records(experiment, folder).values())
    for variant in experiment.variants:
        own = [record for record in records if record.variant == variant and record.seed == 100]
        ranks = by_votes(own)
        chosen = [name for name in ranks if ranks[name] == min(ranks.values())][-1]
        targets = {record.run.row[2]: record.evaluations[-1]["target_test"] for record in own}
        oracle = [name for name in targets if targets[name] == max(targets.values())][-1]
        made = {record.run.row[2] for record in records if record.variant == variant and record.seed in (0, 1)}
        assert len(own) == 3 and made == {"", chosen, oracle}
        tuned = {record.run.row[2] for record in select_settings(experiment, records) if record.variant == variant}
        assert tuned == {chosen}
    assert f"{total} runs, " in output and f"[{total}/{total}] " in output
    assert len(records) == total == len(list(folder.rglob("record.json")))
    times = {file: file.stat().st_mtime_ns for file in folder.rglob("record.json")}
    assert command() == 0 and times == {file: file.stat().st_mtime_ns for file in folder.rglob("record.json")}

    # More fresh seeds; then a changed file, whose runs are refused until they are made again.
    assert command("--only", "DANN", "--seeds", "5") == 0
    more = [read_record(file.parent).run for file in folder.rglob("seed-5/record.json")]
    shown = {record.run.row for record in records if record.variant == "DANN" and record.seed == 0}
    assert {run.row for run in more} == shown
    write_tiny(Path("tiny.yaml"), base={**base, "train": {"steps": 8}}, search=search)
    assert "--redo changed makes changed runs again" in complaint(capsys, "run", "tiny.yaml")
    text, _ = counted(capsys, "--redo", "changed")
    assert "10 to make again" in text and "at most 8 more" in text  # the choice among the new runs is not known yet
    assert command("--redo", "changed") == 0
    experiment = read_experiment(Path("tiny.yaml"))
    records = list(read_records(experiment, folder).values())
    assert {record.evaluations[-1]["step"] for record in records} == {8}
    assert {(record.run.row, record.seed) for record in records} == {
        (run.row, run.seed) for run in planned_runs(experiment, records)
    }


@pytest.mark.slow
def test_one_command_halves(command: Callable[..., int], capsys: Any) -> None:
    search = {**HALVING, "budget": 4, "rungs": 2, "factor": 2, "seeds": [100]}
    write_tiny(Path("tiny.yaml"), seeds=[0], search=search)
    text, _ = counted(capsys)
    assert "12 runs: 0 finished" in text and f"at most {2 * 2 + 2 * 2} more runs" in text
    assert command() == 0
    records = list(read_records(read_experiment(Path("tiny.yaml")), Path("runs/tiny")).values())
    steps = [record.evaluations[-1]["step"] for record in records if record.seed == 100 and record.setting]
    assert sorted(steps) == [6] * 8 + [12] * 4
    assert "4 train for 1/2 of the steps, the best 2 of them for all (successive halving" in " ".join(
        capsys.readouterr().out.split()
    )
    times = {file: file.stat().st_mtime_ns for file in Path("runs").rglob("record.json")}
    assert command() == 0 and times == {file: file.stat().st_mtime_ns for file in Path("runs").rglob("record.json")}


@pytest.mark.slow
def test_a_setting_that_diverges_is_not_chosen(command: Callable[..., int], capsys: Any) -> None:
    changes: dict[str, Any] = {"search": {"budget": 1, "seeds": [100], "keys": {LR: [1e30]}}, "seeds": [0]}
    write_tiny(Path("tiny.yaml"), base=WILD, **changes)
    assert command() == 1  # two runs have no result
    output = capsys.readouterr()
    assert "2 of 6 runs have no result: --redo failed makes them again" in output.err
    records = list(read_records(read_experiment(Path("tiny.yaml")), Path("runs/tiny")).values())
    assert sorted((record.run.row[2], record.seed) for record in records if record.failed is None) == [
        ("", 0), ("", 0), ("", 100), ("", 100)
    ]  # fmt: skip
    assert main(["table", "runs/tiny"]) == 0
    assert "2 settings had a failed run in the search and cannot be chosen." in capsys.readouterr().out
