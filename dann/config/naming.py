"""Names of folders and of settings."""

import re
from collections.abc import Mapping
from typing import Any


def slug(name: str) -> str:
    """``name`` as a folder name: words of letters, digits and dots joined by hyphens."""
    return re.sub(r"[^\w.]+", "-", name.replace("→", " to ").lower()).strip("-.") or "unnamed"


def name_setting(setting: Mapping[str, Any]) -> str:
    """A setting of hyper-parameters in words, such as ``optimizer.lr = 0.01, method.weight = 1``."""
    return ", ".join(f"{key} = {value}" for key, value in setting.items())
