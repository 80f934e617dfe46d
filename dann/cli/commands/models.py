"""``dann predict`` and ``dann export``: the use of a trained network."""

import argparse
import sys
from pathlib import Path

from dann.config.naming import printable
from dann.errors import BadInput
from dann.files.atomic_files import write_whole

PARTIAL = 1  # exit status where some inputs have no prediction


def predict(options: argparse.Namespace) -> int:
    from dann.cli.terminal import show_predictions
    from dann.inference.ensemble import Ensemble
    from dann.inference.loading import load
    from dann.inference.predict import predict

    _check_file(options.out)
    models = [load(run, options.device, options.use) for run in (options.run, *options.others)]
    predicted = predict(Ensemble(models), options.inputs, options.on_bad, options.adapt)
    if options.out is None:
        show_predictions(predicted.names, predicted.classes, predicted.values.tolist())
    else:
        write_whole(options.out, predicted.csv())
        print(printable(f"{options.out}: {len(predicted.names)} predictions"))
    for message in predicted.skipped:
        print(f"dann: {printable(message)}", file=sys.stderr)
    return PARTIAL if predicted.skipped else 0


def export(options: argparse.Namespace) -> int:
    from dann.inference.export import export
    from dann.inference.loading import load

    _check_file(options.out)
    print(printable(str(export(load(options.run, "cpu", options.use), options.format, options.run, options.out))))
    return 0


def _check_file(path: Path | None) -> None:
    if path is not None and path.is_dir():
        raise BadInput(f"--out {path}: is a folder: name a file in it")
