"""What can go wrong on the way up: each with a sentence and an exit code a script can read."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `curb`; 2 belongs to click (a misspelt command or option)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PORT_TAKEN = 3
    ALREADY_RUNNING = 4
    DISK = 5
    NOT_INSTALLED = 6
    CHILD_FAILED = 7
    NOT_RUNNING = 8
    REFUSED_AS_ROOT = 9
    INTERRUPTED = 130


class LauncherError(Exception):
    """A failure the person at the terminal can act on; the message is whole sentences."""

    exit_code = ExitCode.FAILED


class PortTakenError(LauncherError):
    """Another program listens where one of ours must."""

    exit_code = ExitCode.PORT_TAKEN


class AlreadyRunningError(LauncherError):
    """Another `curb up` owns this data folder."""

    exit_code = ExitCode.ALREADY_RUNNING


class DiskError(LauncherError):
    """The data folder cannot be written: full, read-only, or somebody else's."""

    exit_code = ExitCode.DISK


class NotInstalledError(LauncherError):
    """A wheel or binary that this command needs is not there."""

    exit_code = ExitCode.NOT_INSTALLED


class ChildFailedError(LauncherError):
    """A program we started ended, or never became ready."""

    exit_code = ExitCode.CHILD_FAILED


class NotRunningError(LauncherError):
    """The command needs a running system and there is none on this data folder."""

    exit_code = ExitCode.NOT_RUNNING


class RefusedAsRootError(LauncherError):
    """PostgreSQL will not run as root, and no ordinary user could be found or made for it."""

    exit_code = ExitCode.REFUSED_AS_ROOT
