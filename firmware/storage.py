"""Files on flash that a power cut cannot spoil: what was written is there whole, or not at all.

A file is replaced by writing a temporary one, flushing, closing and renaming. On littlefs that
survived a cut at every flash operation; writing in place did not.
"""

import json
import os

TEMPORARY = ".tmp"


class Storage:
    """The files below one folder of the flash; names may hold one level of folders.

    `open_file`, `rename`, `remove` and `list_names` are all it asks of a file system, so that a
    test can cut the power at each of them.
    """

    def __init__(self, root=""):
        """Take the folder everything lies in; "" is the root of the flash."""
        self._root = root.rstrip("/") + "/" if root else ""

    def open_file(self, name, mode):
        """A binary file; mode is "rb", "wb" or "ab"."""
        return open(self._root + name, mode)

    def rename(self, name, new_name):
        """Replace new_name by name in one step."""
        os.rename(self._root + name, self._root + new_name)

    def remove(self, name):
        """Delete a file; no harm if it is gone."""
        try:
            os.remove(self._root + name)
        except OSError:
            pass

    def make_folder(self, name):
        """Make a folder; no harm if it is there."""
        try:
            os.mkdir(self._root + name)
        except OSError:
            pass

    def list_names(self, folder):
        """The names in a folder, sorted; empty if there is no such folder."""
        try:
            return sorted(os.listdir(self._root + folder))
        except OSError:
            return []

    def read(self, name):
        """The bytes of a file, or None if it is not there."""
        try:
            file = self.open_file(name, "rb")
        except OSError:
            return None
        try:
            return file.read()
        finally:
            file.close()

    def write(self, name, data):
        """Replace a file by `data` (bytes): on return it is durable.

        Raises:
            OSError: the flash is full or broken; the old file is still there.
        """
        temporary = name + TEMPORARY
        file = self.open_file(temporary, "wb")
        try:
            file.write(data)
            file.flush()
        finally:
            file.close()
        self.rename(temporary, name)

    def read_json(self, name):
        """The object in a JSON file; {} if it is not there or not readable."""
        data = self.read(name)
        if data is None:
            return {}
        try:
            value = json.loads(data.decode())
        except (ValueError, UnicodeError):
            return {}
        return value if isinstance(value, dict) else {}

    def write_json(self, name, value):
        """Replace a JSON file durably; see `write`."""
        self.write(name, json.dumps(value).encode())
