"""Why a command is not given."""

from cloud.kit.errors import ConflictError, MissingError


class GateNotReadyError(ConflictError):
    """The gate is not enrolled, so nothing can be ordered from it."""

    code = "gate_not_ready"


class CommandMissingError(MissingError):
    """There is no command with this id."""

    code = "command_not_found"
