"""A flash whose power can be cut at any operation; runs on MicroPython too."""

from firmware.storage import Storage


class PowerCut(Exception):  # noqa: N818 - an event, not an error of ours
    """The lights went out."""


class Flash:
    """What survives; `budget` operations from now the power goes, None for never.

    tear: a function giving how many of n unflushed bytes made it to the flash.
    """

    def __init__(self, tear):
        self.files = {}
        self.budget = None
        self.tear = tear
        self.operations = 0

    def spend(self):
        self.operations += 1
        if self.budget is not None:
            if self.budget == 0:
                raise PowerCut
            self.budget -= 1


class FlashFile:
    def __init__(self, flash, name, mode):
        self._flash = flash
        self._name = name
        self._at = 0
        self._pending = b""
        self._is_writing = mode != "rb"
        if mode == "rb":
            if name not in flash.files:
                raise OSError(2)
        else:
            flash.spend()
            if mode == "wb" or name not in flash.files:
                flash.files[name] = b""

    def read(self):
        return self._flash.files[self._name]

    def write(self, data):
        self._pending += bytes(data)
        return len(data)

    def flush(self):
        pending, self._pending = self._pending, b""
        try:
            self._flash.spend()
        except PowerCut:
            pending = pending[: self._flash.tear(len(pending))]
            self._flash.files[self._name] += pending
            raise
        self._flash.files[self._name] += pending

    def close(self):
        if self._is_writing and self._pending:
            self.flush()


class CrashingStorage(Storage):
    """A Storage on a Flash."""

    def __init__(self, flash):
        super().__init__()
        self._flash = flash

    def open_file(self, name, mode):
        return FlashFile(self._flash, name, mode)

    def rename(self, name, new_name):
        self._flash.spend()
        self._flash.files[new_name] = self._flash.files.pop(name)

    def remove(self, name):
        self._flash.spend()
        self._flash.files.pop(name, None)

    def make_folder(self, name):
        pass

    def list_names(self, folder):
        start = folder + "/"
        return sorted(name[len(start) :] for name in self._flash.files if name.startswith(start))
