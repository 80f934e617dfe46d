"""Shell completion of commands, options, rules, variants and names.

The shell starts ``dann`` at every press of Tab, so that this imports no torch: names of registries are read from their
source files.
"""

import argparse
import ast
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import argcomplete
import yaml
from argcomplete.completers import FilesCompleter

import dann
from dann.config.experiment import EXPERIMENT
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES

REGISTRIES = {  # the registry of each kind, and the file that defines it
    "method": ("METHODS", "methods/all_methods.py"),
    "network": ("NETWORKS", "networks/all_networks.py"),
    "dataset": ("CONSTRUCTORS", "data/datasets/all_datasets.py"),
    "optimiser": ("OPTIMIZERS", "optim/optimizers.py"),
    "schedule": ("LEARNING_RATE_SCHEDULES", "optim/schedules.py"),
}
GROUPS = {"method": "dann.methods", "network": "dann.networks", "dataset": "dann.datasets"}  # of installed parts
TRANSFORM = ("TransformOptions", "data/transforms/transform_options.py")


def complete(parser: argparse.ArgumentParser) -> None:
    """Print the completions of the command line that the shell has in its environment, and end the process."""
    argcomplete.autocomplete(parser)


def complete_names(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The names that ``dann describe KIND`` takes."""
    return names_of(parsed_args.kind)


def complete_data_sets(prefix: str, **_: Any) -> list[str]:
    """The names of data sets and the experiment files that ``dann data`` takes."""
    files = FilesCompleter(("yaml", "yml"))(prefix)
    return [*names_of("dataset"), *files]


def complete_variants(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The variants of the experiment file that the command line names; none while it cannot be read."""
    return _read_keys(parsed_args, "file", "variants")


def complete_tasks(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Its tasks."""
    return _read_keys(parsed_args, "file", "tasks")


def complete_rows(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The same of an experiment file or a folder with the copy of one."""
    return _read_keys(parsed_args, "path", "variants")


def _read_keys(parsed_args: argparse.Namespace, argument: str, section: str) -> list[str]:
    try:
        path = getattr(parsed_args, argument)
        file = path / EXPERIMENT if path.is_dir() else path
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return list(map(str, content[section]))
    except (AttributeError, KeyError, OSError, TypeError, UnicodeDecodeError, yaml.YAMLError):
        return []


def names_of(kind: str) -> list[str]:
    """The names of the entries of a kind."""
    if kind == "rule":
        return list(RULES)
    if kind == "metric":
        return list(METRICS)
    if kind == "transform":
        return _fields(*TRANSFORM)
    names = _read_names(*REGISTRIES[kind])
    installed = [entry.name for entry in entry_points(group=GROUPS[kind])] if kind in GROUPS else []
    return [*names, *(name for name in installed if name not in names)]


def _read_names(name: str, file: str) -> list[str]:
    """The keys of a dict literal, or the functions of a tuple, in a source file."""
    for node in _body(file):
        if isinstance(node, ast.AnnAssign) and _target(node) == name:
            if isinstance(node.value, ast.Dict):
                return [str(ast.literal_eval(key)) for key in node.value.keys if key is not None]
            if isinstance(node.value, ast.Tuple):
                return [each.id for each in node.value.elts if isinstance(each, ast.Name)]
    raise LookupError(f"{file} has no dict or tuple {name}")


def _fields(name: str, file: str) -> list[str]:
    """The annotated attributes of a class in a source file."""
    (found,) = [node for node in _body(file) if isinstance(node, ast.ClassDef) and node.name == name]
    return [_target(node) for node in found.body if isinstance(node, ast.AnnAssign)]


def _body(file: str) -> list[ast.stmt]:
    return ast.parse((Path(dann.__file__).parent / file).read_text(encoding="utf-8")).body


def _target(node: ast.AnnAssign) -> str:
    return node.target.id if isinstance(node.target, ast.Name) else ""
