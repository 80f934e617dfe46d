"""Published sets of class folders, one tree for each domain, as people have them on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dann.data.domain import Domain
from dann.data.readers.image_files import Fit, OnBad, class_folders
from dann.data.storage.folders import absent, data_folder, found
from dann.data.storage.image_splits import image_split
from dann.errors import BadInput

Size = Annotated[int, Field(ge=1)]
INNER = ("images*", "kfold", "domain_adaptation_images", "OfficeHomeDataset*")  # where archives put the domains


@dataclass(frozen=True)
class Published:
    """A data set of several domains.

    Args:
        name: as in an experiment file.
        folders: the names its folder may have.
        domains: of each domain the names its folder may have, and how many images were published.
        names: of the classes, the official ones in the order of the labels, separated by blanks.
        otherwise: how to get it, for the message that it is not there.
        aliases: other names of class folders, and the official ones.
        inner: patterns of folders between the set's and its domains'.
    """

    name: str
    folders: tuple[str, ...]
    domains: Mapping[str, tuple[tuple[str, ...], int]]
    names: str
    otherwise: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    inner: tuple[str, ...] = INNER

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.names.split())

    def load(self, domain: str, size: int, fit: Fit, on_bad: OnBad) -> Domain:
        """All images of one domain, from its class folders.

        Raises:
            BadInput: it is not there; its class folders are not the official ones; a file is unreadable.
        """
        base, folder = self.located(domain)
        images = folder / "images" if (folder / "images").is_dir() else folder
        paths, labels = self.labelled(images)
        split, skipped = image_split(paths, labels, root=base, size=size, fit=fit, on_bad=on_bad)
        origin = self.origin(base, len(split), self.domains[domain][1])
        return Domain(f"{self.name}/{domain}", split, None, self.classes, origin, skipped)

    def root(self) -> Path | None:
        """The folder of the set, under any of its names."""
        return next((path for name in self.folders if (path := found(name)) is not None), None)

    def located(self, domain: str) -> tuple[Path, Path]:
        """The folder that holds the domains, and in it that of ``domain``."""
        root = self.root()
        bases = [] if root is None else [root, *(path for inner in self.inner for path in sorted(root.glob(inner)))]
        for base in bases:
            for name in self.domains[domain][0]:
                if (base / name).is_dir():
                    return base, base / name
        raise absent(f"{self.name}/{domain}", self.otherwise)

    def labelled(self, folder: Path) -> tuple[list[Path], list[int]]:
        """The images of the class folders in ``folder`` with their labels in the official order."""
        paths, labels, names = class_folders(folder)
        official = {_plain(name): index for index, name in enumerate(self.classes)}
        official |= {alias: official[_plain(name)] for alias, name in self.aliases.items()}
        unknown = [name for name in names if _plain(name) not in official]
        there = {official[_plain(name)] for name in names if name not in unknown}
        missing = [name for index, name in enumerate(self.classes) if index not in there]
        if unknown or missing:
            what = [f"{word} {', '.join(some)}" for word, some in (("missing", missing), ("unknown", unknown)) if some]
            raise BadInput(
                f"{folder}: its class folders are not the {len(self.classes)} of {self.name} ({'; '.join(what)}): "
                "restore them, or read it as a folder of your own"
            )
        index = [official[_plain(name)] for name in names]
        return paths, [index[label] for label in labels]

    def origin(self, base: Path, count: int, official: int) -> str:
        """The phrase for the record."""
        return counted(f"folder {base.relative_to(data_folder()).as_posix()}", count, "images", official)


def counted(place: str, count: int, what: str, official: int) -> str:
    """Where how many examples are from, and how many were published if that differs."""
    return f"{place}, {count} {what}" + (f" (official: {official})" if count != official else "")


def _plain(name: str) -> str:
    """A class name as all re-packs spell it."""
    return name.lower().replace(" ", "_").replace("-", "_")
