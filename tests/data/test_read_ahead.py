"""Reading ahead in worker processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streams import equal
from test_tree import ROOT

from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.loading.stream import Stream
from dann.data.readers.image_files import ImageFiles
from dann.data.store import TensorStore
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput


def image_files(folder: Path, count: int) -> ImageFiles:
    random = np.random.RandomState(0)
    paths = tuple(folder / f"{i}.png" for i in range(count))
    for path in paths:
        Image.fromarray(random.randint(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return ImageFiles(paths, 8, "squash")


def test_reading_ahead_changes_nothing(tmp_path: Path) -> None:
    """Batches that worker processes read from files are those of the same images in memory, also after a jump."""
    files = image_files(tmp_path, 12)
    held = TensorStore(files.read(torch.arange(12)))
    y = torch.arange(12) % 2
    options = TransformOptions(flip=0.5, shift=1)

    def stream(store: TensorStore | ImageFiles) -> Stream:
        split = Split.of(store, y)
        transform = Transform(options, split)
        return Stream(split, split, (transform, transform), batch_size=5, seed=3)

    memory, ahead = stream(held), stream(files)
    assert ahead.reader.slow == [0, 1] and not memory.reader.slow
    for step in (0, 1, 7):
        assert equal(memory[step], ahead[step])
        here = ahead.read_here()
        assert not here.reader.slow and equal(memory[step + 1], here[step + 1])
        assert ahead.reader.next == step + 1  # the workers go on from where they are
    assert torch.equal(torch.cat(list(read_chunks(Split.of(files, y), 5))), held.x)


def test_a_file_that_vanishes_while_it_is_streamed_is_named_in_one_line(tmp_path: Path) -> None:
    files = image_files(tmp_path, 6)
    split = Split.of(files, torch.arange(6) % 2)
    files.paths[4].unlink()
    with pytest.raises(BadInput, match=r"4.png: not a readable image") as caught:
        list(read_chunks(split, 2))
    assert "\n" not in str(caught.value)


READS = """
import multiprocessing, os, signal, sys, torch
sys.path.insert(0, "tests/data")
from pathlib import Path
from test_read_ahead import image_files
from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks

if __name__ == "__main__":
    chunks = read_chunks(Split.of(image_files(Path(sys.argv[1]), 40), torch.arange(40) % 2), 1)
    next(chunks)
    for process in multiprocessing.active_children():
        print(process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_workers_end_with_a_reader_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "reads.py"
    script.write_text(READS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, script, tmp_path]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [int(line) for line in process.stdout.read().split()]  # its end comes when all have ended
    assert process.returncode == -signal.SIGKILL and workers
    deadline = time.monotonic() + 60
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended: a zombie waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
