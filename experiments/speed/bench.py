"""Benchmark of the cost of training with dann; `make bench PARTS=… DEVICE=…` runs this.

    python experiments/speed/bench.py [PART…] [--device cpu] [--out DIR] [--peers PYTHON] [--threads N] [--tiny]

PART is steps, roofline, growth, start, replicas, jobs or data (README.md beside this says what each measures); the
default is all. Each writes DIR/PART.json and DIR/PART.md.
"""

import argparse
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where the parts are, whoever imports this

from report import Plan, cores, write

from dann.errors import BadInput

PARTS = ("steps", "roofline", "growth", "start", "replicas", "jobs")  # the modules of these names
DATA = "data"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{' '.join(PARTS)} {DATA} (default: all)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, … (default: cpu)")
    parser.add_argument("--out", type=Path, default=Path("results/speed"), metavar="DIR")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python with the peer libraries")
    parser.add_argument("--threads", type=int, default=cores(), metavar="N", help="of each process (default: cores)")
    parser.add_argument("--tiny", action="store_true", help="measure next to nothing, as a test")
    options = parser.parse_args(arguments)
    plan = Plan(options.device, options.out, options.peers, options.threads, options.tiny)
    measure(options.parts, plan)
    return 0


def measure(parts: Sequence[str], plan: Plan) -> None:
    """Measure and write the parts, or all without any."""
    for part in parts:
        if part not in (*PARTS, DATA):
            raise BadInput(f"{part}: no part of that name: choose from {', '.join((*PARTS, DATA))}")
    for part in parts or (*PARTS, DATA):
        began = time.perf_counter()
        if part == DATA:
            data(plan)
        else:
            write(part, plan, importlib.import_module(part).measure(plan))
        print(f"\n{part}: {(time.perf_counter() - began) / 60:.1f} minutes, {plan.out / part}.md\n", flush=True)


def data(plan: Plan) -> None:
    """data.py writes its page itself."""
    command = [sys.executable, str(Path(__file__).with_name("data.py")), str(plan.out)]
    if subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": str(plan.threads)}).returncode:
        raise BadInput("data: data.py stopped, see above: run it alone to find the cause")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadInput as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("bench: stopped; the parts that finished are written", file=sys.stderr)
        sys.exit(130)
