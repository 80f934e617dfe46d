"""The Python that runs the peer libraries: a given one, or one of a temporary environment."""

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from report import Plan

from dann.data.storage.folders import cache_folder

PEERS = Path(__file__).with_name("peers.py")


def requirements() -> list[str]:
    """The packages that peers.py states for installation."""
    found = re.search(r"bin/pip install (.+)", PEERS.read_text(encoding="utf-8"))
    assert found is not None
    return shlex.split(found[1])


@contextmanager
def peers_python(plan: Plan) -> Iterator[tuple[str | None, str]]:
    """A Python with the peers and "", or None and the reason why there is none."""
    if plan.peers is not None:
        yield plan.peers, ""
        return
    if plan.tiny:
        yield None, "a test without them"
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="peers-") as folder:
        python = Path(folder) / "bin" / "python"
        try:
            for command in ([sys.executable, "-m", "venv", folder],
                            [str(python), "-m", "pip", "install", "--quiet", *requirements()]):  # fmt: skip
                subprocess.run(command, check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            lines = f"{error.stdout}\n{error.stderr}".strip().splitlines()
            errors = [line for line in lines if line.startswith("ERROR")]
            yield None, f"the peers could not be installed: {(errors or lines or ['no reason given'])[-1]}"
            return
        yield str(python), ""
