"""Reading ahead in worker processes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streams import equal

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
