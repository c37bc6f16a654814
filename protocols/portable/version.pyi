from typing import Final

VERSION: Final[int]
GATE_MESSAGE_BYTES_MAX: Final[int]
LIST_PART_BYTES_MAX: Final[int]
SITE_MESSAGE_BYTES_MAX: Final[int]
ANSWER_WITHIN_MS: Final[int]
OPEN_EXPIRES_MS_MAX: Final[int]
