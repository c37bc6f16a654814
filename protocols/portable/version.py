"""The version of the wire and the sizes every side must keep to."""

VERSION = 1

# A gate reads a message into a buffer allocated once at start.
GATE_MESSAGE_BYTES_MAX = 1024
# A list part leaves room for its header.
LIST_PART_BYTES_MAX = 960
# Between agent and cloud; below the 1 MiB that the broker accepts.
SITE_MESSAGE_BYTES_MAX = 512 * 1024

ANSWER_WITHIN_MS = 150
OPEN_EXPIRES_MS_MAX = 10000
