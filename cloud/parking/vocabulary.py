"""Field types of the API that several features of parking share."""

from typing import Annotated

import msgspec

from cloud.kit.patterns import END

# Text that people see must be printable: no control characters, which PostgreSQL (NUL) and
# terminals dislike.
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Slug = Annotated[str, msgspec.Meta(min_length=3, max_length=32, pattern=r"^[a-z0-9-]+" + END)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
Note = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=200, pattern=PRINTABLE)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}" + END)]
Cents = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
