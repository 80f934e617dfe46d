"""``dann status`` and ``dann board``: how far runs are, while any process makes them."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from dann.config.naming import printable
from dann.errors import BadInput

if TYPE_CHECKING:
    from dann.runner.run_status import RunStatus

LEFT_OUT = 1  # exit status


def status(options: argparse.Namespace) -> int:
    from dann.reporting.locations import find_experiments
    from dann.reporting.status_tables import LISTED, overview_table, runs_table
    from dann.reporting.table import FORMATS as WRITERS
    from dann.runner.run_status import find_statuses

    found: dict[str, tuple[str, list[RunStatus]]] = {}
    experiments = find_experiments(options.path)
    for experiment, folder in experiments:
        try:
            found[str(folder)] = experiment.title, find_statuses(experiment, folder)
        except BadInput as error:  # the others are shown nevertheless
            print(printable(f"dann: {error}"), file=sys.stderr)
    now, most = time.time(), None if options.format == "json" else LISTED
    tables = [overview_table({name: runs for name, (_, runs) in found.items()}, now)] if found else []
    tables += filter(None, (runs_table(f"{title} ({name})", runs, now, most) for name, (title, runs) in found.items()))
    texts = [(f"{printable(table.title)}\n\n" if options.format == "md" else "") + WRITERS[options.format](table)
             for table in tables]  # fmt: skip
    print("[" + ",\n".join(texts) + "]" if options.format == "json" else "\n".join(texts))
    return 0 if len(found) == len(experiments) else LEFT_OUT


def board(options: argparse.Namespace) -> int:
    from dann.reporting.html.board import BoardPage
    from dann.reporting.html.board_server import HOST, BoardServer

    with BoardServer(BoardPage(options.path, options.selection), options.port) as server:
        print(f"Board:        http://{HOST}:{server.server_port}/    (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0
