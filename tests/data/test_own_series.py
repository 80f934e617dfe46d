"""Series of the user's own: windows, lengths, channels, labels, and files that are wrong, all on written files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from array_fixtures import saved

from dann.cli.main import main
from dann.data.datasets.own_series import series
from dann.data.readers.windows import majority
from dann.errors import BadInput

RANDOM = np.random.default_rng(0)
LONG = RANDOM.normal(size=(50, 3))  # steps × channels
STEPS = np.repeat([0, 1, 0], [18, 20, 12])
NAMES = np.array(["walk", "sit"])


def recording_csv(
    path: Path, values: np.ndarray, columns: dict[str, Any], names: str = "ax,ay,az", delimiter: str = ","
) -> str:
    """A line for each step; ``columns`` stand before the channels."""
    lines = [delimiter.join([*columns, *names.split(",")])]
    for step, row in enumerate(values):
        lines.append(delimiter.join([*(str(column[step]) for column in columns.values()), *map(repr, row.tolist())]))
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_whole_series_of_one_length(tmp_path: Path) -> None:
    x, y = RANDOM.normal(size=(6, 2, 40)), np.arange(6) % 2
    for name, content, options in (
        ("a.npz", {"x": x, "y": y}, {}),
        ("turned.npz", {"x": x.transpose(0, 2, 1), "y": NAMES[y]}, {}),
        ("odd.pt", {"x": torch.from_numpy(x), "y": torch.from_numpy(y)}, {"layout": "ncl"}),
    ):
        domain = series(path=saved(tmp_path, name, **content), **options)
        assert domain.train.x.dtype == torch.float32 and domain.test is None
        np.testing.assert_array_equal(domain.train.x.numpy(), x.astype(np.float32))
        assert domain.classes == (("0", "1") if name != "turned.npz" else ("sit", "walk"))
        assert domain.notes == (f"{name}, train: 6 series of 40 steps",)


@pytest.mark.parametrize("turned", [False, True])
def test_a_recording_is_cut_into_windows_with_the_label_of_most_steps(tmp_path: Path, turned: bool) -> None:
    path = saved(tmp_path, "long.npz", x=LONG.T if turned else LONG, y=STEPS)
    domain = series(path=path, window=10, stride=5)
    assert domain.train.x.shape == (9, 3, 10)
    for start, x, label in zip(range(0, 41, 5), domain.train.x, domain.train.y, strict=True):
        np.testing.assert_array_equal(x.numpy(), LONG[start : start + 10].T.astype(np.float32))
        counts = np.bincount(STEPS[start : start + 10], minlength=2)
        if counts[0] != counts[1]:
            assert label == counts.argmax()
    assert domain.notes[0] == "long.npz, train: 9 windows of 10 steps, one every 5, from 1 recording"
    assert "windows overlap, so held-out ones share steps with training" in domain.notes[1]


def test_without_a_stride_no_windows_overlap_and_the_rest_is_counted(tmp_path: Path) -> None:
    domain = series(path=saved(tmp_path, "long.npz", x=LONG, y=STEPS), window=15)
    assert domain.train.x.shape == (3, 3, 15) and len(domain.notes) == 1
    assert domain.notes[0].endswith(
        "3 windows of 15 steps, one every 15, from 1 recording, 5 steps at the ends left out"
    )


def test_the_majority_is_the_first_of_equally_many() -> None:
    assert majority(np.array([2, 1, 1, 2])) == 2 and majority(np.array(["b", "a", "a"])) == "a"
    assert np.isnan(majority(np.array([np.nan, 1.0, np.nan])))


def test_a_csv_file_has_a_line_for_each_step(tmp_path: Path) -> None:
    columns = {"time": np.arange(50) / 10, "series": np.repeat(["p1", "p2"], [30, 20]), "label": NAMES[STEPS]}
    for delimiter in ",;\t":
        path = recording_csv(tmp_path / "steps.csv", LONG, columns, delimiter=delimiter)
        domain = series(path=path, window=12)
        assert domain.train.x.shape == (3, 3, 12) and domain.classes == ("sit", "walk")
        for x, start in zip(domain.train.x, (0, 12, 30), strict=True):  # none over the end of a series
            np.testing.assert_array_equal(x.numpy(), LONG[start : start + 12].T.astype(np.float32))
        assert [domain.classes[label] for label in domain.train.y] == ["walk", "walk", "sit"]  # a tie
    assert "from 2 recordings, 14 steps at the ends left out" in domain.notes[0]


def test_unequal_series_are_padded_by_their_last_step_or_cut(tmp_path: Path) -> None:
    path = saved(tmp_path, "joined.npz", x=LONG, lengths=np.array([10, 25, 15]), y=np.array([0, 1, 1]))
    with pytest.raises(BadInput, match=r"series of 10 to 25 steps: set length, to pad shorter and cut longer ones"):
        series(path=path)
    domain = series(path=path, length=15)
    x = domain.train.x.double().numpy()
    np.testing.assert_allclose(x[0, :, :10], LONG[:10].T, rtol=1e-6)
    np.testing.assert_allclose(x[0, :, 10:], np.repeat(LONG[9:10].T, 5, axis=1), rtol=1e-6)
    np.testing.assert_allclose(x[1], LONG[10:25].T, rtol=1e-6)
    assert domain.train.y.tolist() == [0, 1, 1]
    assert domain.notes[0].endswith("3 series of 15 steps, 1 padded by their last step, 1 cut at the end")
    cut = series(path=path, window=10)  # the label of a series is that of its windows
    assert cut.train.y.tolist() == [0, 1, 1, 1]


def test_channels_are_chosen_and_ordered(tmp_path: Path) -> None:
    path = recording_csv(tmp_path / "a.csv", LONG, {"label": STEPS})
    domain = series(path=path, window=10, channels=["az", "ax"])
    np.testing.assert_array_equal(domain.train.x[0].numpy(), LONG[:10, [2, 0]].T.astype(np.float32))
    same = series(path=saved(tmp_path, "a.npz", x=LONG, y=STEPS), window=10, channels=[2, 0])
    assert torch.equal(same.train.x, domain.train.x)
    with pytest.raises(BadInput, match=r"channels: there is no 'gx' among ax, ay, az: correct the list"):
        series(path=path, window=10, channels=["gx"])


def test_missing_values_and_labels(tmp_path: Path) -> None:
    path = recording_csv(tmp_path / "a.csv", LONG, {"label": ["walk"] * 10 + [""] * 30 + ["sit"] * 10})
    content = Path(path).read_text().splitlines()
    content[1] = "walk,,nan," + content[1].split(",")[3]
    Path(path).write_text("\n".join(content))
    domain = series(path=path, window=10)
    assert domain.train.x.isnan().sum() == 2 and domain.train.y.tolist() == [1, -1, -1, -1, 0]
    assert series(path=saved(tmp_path, "b.npz", x=LONG), window=10).classes == ()


def test_splits_of_one_file_and_of_two(tmp_path: Path) -> None:
    split = np.repeat(["train", "test"], [30, 20])
    one = recording_csv(tmp_path / "a.csv", LONG, {"split": split, "label": STEPS})
    inside = saved(tmp_path, "b.npz", x=LONG[:30], y=STEPS[:30], x_test=LONG[30:], y_test=STEPS[30:])
    first, second = (saved(tmp_path, f"{i}.npz", x=LONG[part], y=STEPS[part])
                     for i, part in enumerate((slice(30), slice(30, 50))))  # fmt: skip
    for domain in (series(path=one, window=10, stride=5), series(path=inside, window=10, stride=5),
                   series(path=first, test=second, window=10, stride=5)):  # fmt: skip
        assert domain.test is not None and (len(domain.train), len(domain.test)) == (5, 3)
        assert not any("overlap" in note for note in domain.notes)
    with pytest.raises(BadInput, match="holds a test split: leave `test` out"):
        series(path=one, test=second, window=10)
    with pytest.raises(BadInput, match="named for training and for test"):
        series(path=first, test=first, window=10)


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ({"x": LONG, "y": STEPS[1:]}, {"window": 10}, "y has 49 labels for 1 series of 50 steps in all"),
        ({"x": LONG, "y": STEPS}, {}, r"its steps have several labels \(0, 1\): set window"),
        ({"x": LONG, "y": STEPS}, {"window": 51}, r"no recording is as long as a window \(50 steps\): shorten window"),
        ({"x": LONG, "y": STEPS}, {"stride": 5}, "stride is of windows: set window"),
        ({"x": LONG, "y": STEPS}, {"window": 5, "length": 5}, "window and length exclude each other"),
        ({"x": LONG, "lengths": np.array([10, 20])}, {"length": 5}, "has to hold the steps of each series, 50 in all"),
        ({"x": LONG, "lengths": np.array([50.5])}, {"length": 5}, "has to hold the steps of each series"),
        ({"x": LONG, "lengths": np.array([60, -10])}, {"length": 5}, "has to hold the steps of each series"),
        ({"x": LONG[None], "lengths": np.array([50])}, {"length": 5}, "lengths is for series one after the other"),
        ({"x": np.zeros((4, 3, 3)), "y": np.arange(4)}, {}, "could be the channels of a series: set layout"),
        ({"x": np.zeros((0, 3))}, {"window": 1}, r"has shape \(0, 3\): save series"),
        ({"x": np.zeros((2, 2, 2, 2))}, {"window": 1}, "save series"),
        ({"x": LONG.astype(str)}, {"window": 10}, "not numbers"),
        ({"x": LONG * np.inf}, {"window": 10}, "infinite values"),
        ({"x": LONG, "z": LONG}, {"window": 10}, "unknown z: its keys may be x, y, lengths"),
        ({"y": STEPS}, {"window": 10}, "there is no x"),
        ({"x": LONG, "y_test": STEPS}, {"window": 10}, "y_test without x_test"),
        ({"x": LONG, "x_test": LONG[:, :2]}, {"window": 10}, "2 channels, training 3: make them alike"),
        ({"x": LONG[None], "x_test": LONG[None, :40]}, {"layout": "nlc"}, "set channels, length or window"),
        ({"x": LONG, "y": STEPS + 0.5}, {"window": 10}, "is no label"),
        ({"x": LONG}, {"window": 1, "stride": 1, "channels": [3]}, "there is no 3 among 0, 1, 2"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, content: dict[str, Any], options: dict[str, Any], says: str) -> None:
    path = saved(tmp_path, "a.npz", **content)
    with pytest.raises(BadInput, match=says) as caught:
        series(path=path, **options)
    assert path in str(caught.value) or "set window, or" in says or "exclude" in says or "stride" in says
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("time,label\n0,a\n", "has to name the channels"),
        ("1.0,2.0\n3.0,4.0\n", "has to name the channels"),
        ("x,x\n1,2\n", "two columns of its first line mean the same"),
        ("x,label,class\n1,a,b\n", "two columns of its first line mean the same"),
        ("x,y\n", "has no step of training"),
        ("x,y\n1,2\n3\n", "line 3: 1 fields, the first line 2"),
        ("x,y\n1,2\n3,a\n", "line 3: y is 'a', not a number"),
        ("x,split\n1,train\n2,valid\n", "line 3: split is 'valid': write train or test"),
        ("x,split\n1,test\n", "has no step of training"),
        ('x,y\n1,"2\n', "line 2: unexpected end of data"),
        ("x,y\n1,2\0\n", "zero bytes"),
    ],
)
def test_wrong_csv_files_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=says) as caught:
        series(path=str(path), window=1)
    assert str(path) in str(caught.value)


def sensors(source: str, target: str, **options: Any) -> dict[str, Any]:
    """An experiment on two recordings, each domain normalised by itself."""
    sides = {side: {"name": "series", "path": path, "window": 10, **options}
             for side, path in (("source", source), ("target", target))}  # fmt: skip
    base = {
        "data": {**sides, "batch_size": 4, "transform": {"normalise": "domain"}},
        "network": {"name": "cnn1d", "width": 4},
        "optimizer": {"name": "adam"},
        "train": {"steps": 2, "precision": "fp32"},
        "method": {"name": "dann"},
        "diagnose": {"examples": 0},
    }
    return {"title": "Sensors", "seeds": [0], "base": base, "variants": {"DANN": {}}}


def test_domains_of_other_channels_are_refused_and_can_be_mapped(tmp_path: Path, capsys: Any) -> None:
    values, labels, file = np.tile(LONG, (4, 1)), np.tile(NAMES[STEPS], 4), tmp_path / "sensors.yaml"
    source = recording_csv(tmp_path / "s.csv", values, {"label": labels})
    target = recording_csv(tmp_path / "t.csv", 3 * values[:, :2], {"label": labels}, "ay,ax")
    for options, expected in (({}, 2), ({"channels": ["ax", "ay"]}, 0)):
        file.write_text(yaml.safe_dump(sensors(source, target, **options), sort_keys=False))
        status = main(["run", str(file), "--out", str(tmp_path / "runs"), "--jobs", "1", "--device", "cpu"])
        errors = capsys.readouterr().err
        assert status == expected, errors
        assert bool(options) or "domains of one shape, or one `channels` and one `window` or `length`" in errors
    again = recording_csv(tmp_path / "new.csv", values[:47], {}, "az,ax,ay")
    run = next((tmp_path / "runs").rglob("seed-0"))
    assert main(["predict", str(run), again]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert len(rows) == 4  # windows of 10 steps from 47
