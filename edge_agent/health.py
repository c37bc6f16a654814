"""How the site is, for people and for `curb status`: health.json in the data folder.

A file, not a port: it can be read when everything is stuck, over SSH, without a token. Its age
says whether the agent lives.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

FILE: Final = "health.json"


def write_health(folder: Path, facts: dict[str, Any]) -> None:
    """Replace the file in one step.

    Raises:
        OSError: the disk is full or read-only.
    """
    fresh = folder / (FILE + ".new")
    fresh.write_text(json.dumps(facts, indent=1) + "\n")
    os.replace(fresh, folder / FILE)
