"""Runs without a source: what their configuration and data take from the finished run with which they begin."""

from pathlib import Path
from typing import Any

from dann.config.experiment_run import Run
from dann.config.merging import Nested, merge
from dann.config.plug_ins import Library
from dann.config.schema import Config, resolve
from dann.data.absent_source import AbsentSource
from dann.data.input_pipeline import read_inputs
from dann.errors import BadInput
from dann.runner.source_run import read_earlier_run
from dann.training.earlier_runs import place_run

FROM = "method.from"  # the option that names that run
SECTIONS = ("network", "finetune")  # taken whole, where they are left out
PREPARATION = ("transform", "target_transform", "missing", "vocabulary", "terms", "msda")  # of the section data
READING = ("size", "fit", "kind", "layout", "range", "features", "columns", "channels", "window", "stride", "length",
           "tokenizer")  # fmt: skip  # options of a data set that give its examples their form


def resolve_run(run: Run, where: str, library: Library, runs: Path | None = None) -> Config:
    """The configuration of a run; without ``data.source`` it is completed from the run that ``method.from`` names.

    Taken over are the network, the preparation of the inputs and, where the target is of the same kind, the options by
    which its examples are read; what the run says itself is laid over them.

    Args:
        where: the file and the variant, for messages.
        runs: the folder of the experiment's runs; None where it is not known.

    Raises:
        BadInput: as of ``resolve``, or the run that is named is not finished.
    """
    declared = run.declared
    data, method = declared.get("data"), declared.get("method")
    if not isinstance(data, dict) or data.get("source") is not None or not isinstance(method, dict):
        return resolve(declared, where, library)
    if not isinstance(named := method.get("from"), str) or not isinstance(data.get("target"), dict):
        return resolve(declared, where, library)
    try:
        begun = read_earlier_run(FROM, place_run(FROM, named, run.seed, runs)).config
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
    kept = {key: begun[key] for key in SECTIONS if begun.get(key) is not None}
    taken = {key: begun["data"][key] for key in PREPARATION if begun["data"].get(key) is not None}
    form = {"target": _find_form(data["target"], begun["data"])}
    return resolve(merge({**kept, "data": {**taken, **form}}, declared), where, library)


def _find_form(target: Nested, begun: dict[str, Any]) -> Nested:
    """The options by which the run read a domain of the same data set, if it did."""
    sources = begun.get("source") or []
    for domain in (begun["target"], *(sources if isinstance(sources, list) else [sources])):
        if domain["name"] == target.get("name"):
            return {"name": domain["name"]} | {
                key: domain[key] for key in READING if domain.get(key) is not None and key not in target
            }
    return {}


def read_absent_source(config: Config, folder: Path | None) -> AbsentSource | None:
    """What is known of the source of a run without one; None for a run with a source.

    Args:
        folder: of the run that ``method.from`` names.

    Raises:
        BadInput: there is no such run, or it kept no input pipeline.
    """
    if config.data.sources or folder is None:
        return None
    record, inputs = read_earlier_run(FROM, folder), read_inputs(folder, config.data.target_transform)
    counts, source = record.data["class_counts"]["train"], record.data["source"]
    prior = record.data.get("prior") or [count / sum(counts) for count in counts]
    return AbsentSource(
        classes=tuple(record.classes),
        prior=tuple(prior),
        shape=inputs.raw_shape,
        preprocessor=inputs.preprocessor,
        transform=inputs.transform,
        description={"name": source["name"], "checksum": source["checksum"], "origin": f"not read: see {folder}"},
        checksum=record.checksums.get("source_examples"),
    )
