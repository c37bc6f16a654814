"""One thing that `curb doctor` looked at, and what to do about it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_ok: bool
    says: str
    fix: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        """For JSON."""
        content = asdict(self)
        return {"name": content["name"], "ok": content["is_ok"]} | {
            key: content[key] for key in ("says", "fix")
        }
