"""Search of a user's folder for image files: each once, however many links lead to it; other files are counted."""

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from dann.errors import BadInput

SYSTEM_FOLDERS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN"}  # copies and thumbnails that systems add to a user's files
SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini"}
SHOWN = 3


@dataclass
class FolderScan:
    """The content of a folder and all below it.

    Args:
        root: the folder, or one above it that no link may lead back to.
        images: the image files by their real paths.
        ignored: the number of other files by suffix.
        loops: links to a folder that holds them, which are not followed.
        repeated: further names of files and folders that are there already.
    """

    root: Path
    images: dict[str, Path] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    loops: list[Path] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)

    def describe(self) -> tuple[str, ...]:
        """A sentence on the files and links that were left out."""
        kinds = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in self.ignored.most_common(5))
        several = (
            (sum(self.ignored.values()), f"other files were ignored ({kinds})"),
            (len(self.loops), f"links to a folder that holds them were not followed ({self._some(self.loops)})"),
            (len(self.repeated), f"further names of the same files were left out ({self._some(self.repeated)})"),
        )
        return tuple(f"{self.root.name}: {count} {what}" for count, what in several if count)

    def _some(self, paths: list[Path]) -> str:
        names = [path.relative_to(self.root).as_posix() for path in sorted(paths)]
        return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def scan_folder(folder: Path, suffixes: Collection[str], root: Path | None = None) -> FolderScan:
    """Find the images under ``folder``, without hidden files and those that systems add.

    Args:
        suffixes: of images, in lower case.
        root: a folder above it, to which and above which links are not followed.

    Raises:
        BadInput: a folder cannot be read.
    """
    scan = FolderScan(root or folder)
    top = os.path.realpath(scan.root)
    visited: set[str] = set()
    pending = [folder]
    while pending:
        place = pending.pop()
        real = os.path.realpath(place)
        if (
            place != folder
            and place.is_symlink()
            and (is_within(top, real) or is_within(os.path.realpath(place.parent), real))
        ):
            scan.loops.append(place)
        elif real in visited:
            scan.repeated.append(place)
        else:
            visited.add(real)
            links = _add_content(scan, place, real, suffixes, pending)
            pending = links[::-1] + pending  # after all real folders, so that a link is the further name
    return scan


def is_within(inner: str, outer: str) -> bool:
    """Whether a real path is another one or lies below it."""
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def _add_content(
    scan: FolderScan, place: Path, real: str, suffixes: Collection[str], pending: list[Path]
) -> list[Path]:
    """Add the files of one folder, and its folders to ``pending``; return the links to folders."""
    try:
        with os.scandir(place) as listed:
            entries = sorted(listed, key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        raise BadInput(f"{place}: cannot be read ({error.strerror}): make it readable or remove it") from error
    links: list[Path] = []
    for entry in entries:
        path, suffix = place / entry.name, Path(entry.name).suffix.lower()
        if is_hidden(entry.name):
            continue
        if entry.is_dir():
            (links if entry.is_symlink() else pending).append(path)
        elif suffix in suffixes and (entry.is_file() or entry.is_symlink()):  # a dangling link is named when it is read
            target = os.path.realpath(path) if entry.is_symlink() else os.path.join(real, entry.name)
            if scan.images.setdefault(target, path) != path:
                scan.repeated.append(path)
        else:
            scan.ignored[suffix] += 1
    return links


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or one that a system added."""
    return name.startswith(".") or name in SYSTEM_FOLDERS or name.lower() in SYSTEM_FILES
