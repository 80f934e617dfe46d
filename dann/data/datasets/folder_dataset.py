"""Published data sets of class folders, one tree for each domain, under the names in use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dann.data.domain import Domain
from dann.data.readers.image_files import Fit, OnBad, list_class_folders
from dann.data.storage.folders import data_folder, find_dataset_folder, missing_data_error
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput

Size = Annotated[int, Field(ge=1, le=4096)]
INNER = ("images*", "kfold", "domain_adaptation_images", "OfficeHomeDataset*")  # where archives put the domains


@dataclass(frozen=True)
class FolderDataset:
    """A data set of several domains.

    Args:
        name: as in an experiment file.
        folders: the names its folder may have.
        domains: of each domain the names its folder may have, and how many images were published.
        names: of the classes, the official ones in the order of the labels, separated by blanks.
        otherwise: the remedy, for the message that it is missing.
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
        """Load all images of one domain, from its class folders.

        Raises:
            BadInput: it is missing; its class folders are not the official ones; a file is unreadable.
        """
        base, folder = self.locate(domain)
        images = folder / "images" if (folder / "images").is_dir() else folder
        paths, labels = self.label_images(images)
        split, skipped = load_image_split(paths, labels, root=base, size=size, fit=fit, on_bad=on_bad)
        origin = self.describe_origin(base, len(split), self.domains[domain][1])
        return Domain(f"{self.name}/{domain}", split, None, self.classes, origin, skipped)

    def find_root(self) -> Path | None:
        """Find the folder of the set, under any of its names."""
        return next((path for name in self.folders if (path := find_dataset_folder(name)) is not None), None)

    def locate(self, domain: str) -> tuple[Path, Path]:
        """Find the folder that holds the domains, and in it that of ``domain``."""
        root = self.find_root()
        bases = [] if root is None else [root, *(path for inner in self.inner for path in sorted(root.glob(inner)))]
        for base in bases:
            for name in self.domains[domain][0]:
                if (base / name).is_dir():
                    return base, base / name
        raise missing_data_error(f"{self.name}/{domain}", self.otherwise)

    def label_images(self, folder: Path) -> tuple[list[Path], list[int]]:
        """List the images of the class folders in ``folder``, with their labels in the official order."""
        paths, labels, names = list_class_folders(folder)
        official = {_normalise(name): index for index, name in enumerate(self.classes)}
        official |= {alias: official[_normalise(name)] for alias, name in self.aliases.items()}
        unknown = [name for name in names if _normalise(name) not in official]
        there = {official[_normalise(name)] for name in names if name not in unknown}
        missing = [name for index, name in enumerate(self.classes) if index not in there]
        if unknown or missing:
            what = [f"{word} {', '.join(some)}" for word, some in (("missing", missing), ("unknown", unknown)) if some]
            raise BadInput(
                f"{folder}: its class folders are not the {len(self.classes)} of {self.name} ({'; '.join(what)}): "
                "restore them, or read it as a folder of your own"
            )
        index = [official[_normalise(name)] for name in names]
        return paths, [index[label] for label in labels]

    def describe_origin(self, base: Path, count: int, official: int) -> str:
        """Name the folder and the count of images for the record."""
        return describe_count(f"folder {base.relative_to(data_folder()).as_posix()}", count, "images", official)


def describe_count(place: str, count: int, what: str, official: int) -> str:
    """Name the place and count of examples, and the published count if it differs."""
    return f"{place}, {count} {what}" + (f" (official: {official})" if count != official else "")


def _normalise(name: str) -> str:
    """Write a class name as all re-packs spell it."""
    return name.lower().replace(" ", "_").replace("-", "_")
