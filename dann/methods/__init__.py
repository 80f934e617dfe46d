"""Methods by the name an experiment file gives them: each takes ``(network, *, hyper-parameters)``."""

from dann.methods.base import Method
from dann.methods.dann import Dann
from dann.methods.source_only import SourceOnly

METHODS: dict[str, type[Method]] = {"source_only": SourceOnly, "dann": Dann}

__all__ = ["METHODS", "Dann", "Method", "SourceOnly"]
