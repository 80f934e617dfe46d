"""Where a path that the user gives leads."""

from pathlib import Path

from dann.data.storage.folders import data_folder
from dann.errors import BadInput


def given(path: str) -> Path:
    """The file or folder that ``path`` names: from the working directory, else from the data folder.

    Raises:
        BadInput: it is in neither, or empty; names both places.
    """
    if not path.strip():
        raise BadInput("path is empty: name a file or folder")
    wanted = Path(path).expanduser()
    places = [Path.cwd() / wanted]
    if not places[0].exists() and not wanted.is_absolute():
        places.append(data_folder() / wanted)
    if places[-1].exists():
        return places[-1]
    raise BadInput(f"{path} is not there: looked for {' and '.join(map(str, places))}: correct the path")
