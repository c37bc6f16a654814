"""NTAG213 and NTAG215: pages, lock bits, password, and EEPROM writes that can be torn.

Source: NXP NTAG213/215/216 data sheet, rev. 3.2, sections 8.5, 8.8 and 10.
"""

from simulators.hardware.iso14443a import ACK, Tag

# Programming one page, after which the card acknowledges.
WRITE_US = 4100

_NAK_ARGUMENT = 0x00
_NAK_CRC = 0x01
_NAK_LIMIT = 0x04

_PROT = 0x80
_CFGLCK = 0x40
_LIMIT_MASK = 0x07


class _Ntag(Tag):
    """What both have in common; `pages` is the memory, four bytes a page."""

    sak = 0x00
    page_count = 0
    config_page = 0
    storage_byte = 0
    dynamic_lock_pages = 0  # pages that one dynamic lock bit covers
    capability = 0

    def __init__(self, uid):
        super().__init__(uid)
        self.pages = bytearray(4 * self.page_count)
        if len(self.uid) == 7:
            u = self.uid
            self.pages[0:9] = (
                u[:3]
                + bytes((0x88 ^ u[0] ^ u[1] ^ u[2],))
                + u[3:]
                + bytes((u[3] ^ u[4] ^ u[5] ^ u[6],))
            )
        self.pages[9] = 0x48
        self.pages[12:16] = bytes((0xE1, 0x10, self.capability, 0x00))
        config = 4 * self.config_page
        self.pages[config : config + 16] = (
            b"\x04\x00\x00\xff\x00\x05\x00\x00\xff\xff\xff\xff" + bytes(4)
        )
        self.failures = 0
        self._authenticated = False
        self._auth0 = 0xFF
        self._tear_in = None
        self._tear_with = b""

    def memory(self):
        """All pages, PWD and PACK too."""
        return self.pages

    def restore(self, memory):
        """Take over all pages."""
        self.pages[:] = memory

    def tear(self, after_writes, content):
        """The card leaves the field during a write: `after_writes` go well, the next is torn.

        content: the 4 bytes that the torn page is left with, whatever physics makes of it.
        """
        self._tear_in = after_writes
        self._tear_with = bytes(content)

    def power_on(self):
        """Protection is read from the configuration when the field comes on."""
        super().power_on()
        self._authenticated = False

    def selected(self):
        """A selected card has yet to see the password."""
        self._authenticated = False
        self._auth0 = self._config(3)

    def damaged(self, frame):
        """NTAG says NAK to a broken frame."""
        return self.fall_back(_NAK_CRC)

    def command(self, frame, encrypted):
        """Any command of the data sheet that a gate uses; all others are refused."""
        code = frame[0]
        if encrypted:
            return self.fall_back()
        if code == 0x60 and len(frame) == 1:
            return self.sealed(bytes((0x00, 0x04, 0x04, 0x02, 0x01, 0x00, self.storage_byte, 0x03)))
        if code == 0x30 and len(frame) == 2:
            return self._read(frame[1])
        if code == 0x3A and len(frame) == 3:
            return self._fast_read(frame[1], frame[2])
        if code == 0xA2 and len(frame) == 6:
            return self._write(frame[1], frame[2:])
        if code == 0x1B and len(frame) == 5:
            return self._password(frame[1:])
        return self.fall_back(_NAK_ARGUMENT)

    def _config(self, offset):
        return self.pages[4 * self.config_page + offset]

    def _is_readable(self, page):
        return page < self._auth0 or self._authenticated or not self._config(4) & _PROT

    def _shown(self, page):
        # PWD and PACK always read as zeros.
        if page >= self.config_page + 2:
            return bytes(4)
        return bytes(self.pages[4 * page : 4 * page + 4])

    def _read(self, first):
        if first >= self.page_count or not self._is_readable(first):
            return self.fall_back(_NAK_ARGUMENT)
        end = self.page_count
        if not self._is_readable(end - 1):
            end = self._auth0
        data = b""
        for page in range(first, first + 4):
            data += self._shown(page if page < end else page - end)
        return self.sealed(data)

    def _fast_read(self, first, last):
        if not first <= last < self.page_count or not self._is_readable(last):
            return self.fall_back(_NAK_ARGUMENT)
        data = b""
        for page in range(first, last + 1):
            data += self._shown(page)
        return self.sealed(data)

    def _password(self, password):
        limit = self._config(4) & _LIMIT_MASK
        if limit and self.failures >= limit:
            return self.fall_back(_NAK_LIMIT)
        start = 4 * (self.config_page + 2)
        if bytes(password) != bytes(self.pages[start : start + 4]):
            self.failures += 1
            return self.fall_back(_NAK_ARGUMENT)
        self.failures = 0
        self._authenticated = True
        return self.sealed(bytes(self.pages[start + 4 : start + 6]))

    def _write(self, page, data):
        if not self._is_writable(page):
            return self.fall_back(_NAK_ARGUMENT)
        if self._tear_in is not None:
            if self._tear_in == 0:
                return self._torn(page)
            self._tear_in -= 1
        self._store(page, data)
        return self.short(ACK, WRITE_US)

    def _torn(self, page):
        self._tear_in = None
        self._store(page, self._tear_with)
        self.power_off()

    def _store(self, page, data):
        start = 4 * page
        if page == 2:
            data = bytes(self.pages[start : start + 2]) + bytes(
                (self.pages[start + 2] | data[2], self.pages[start + 3] | data[3])
            )
        elif page in (3, self.config_page - 1):
            # One-way bits: the capability container and the dynamic locks can only be set.
            data = bytes(old | new for old, new in zip(self.pages[start : start + 4], data))  # noqa: B905
        self.pages[start : start + 4] = data

    def _is_writable(self, page):
        if not 2 <= page < self.page_count:
            return False
        if page >= self._auth0 and not self._authenticated:
            return False
        if page in (self.config_page, self.config_page + 1) and self._config(4) & _CFGLCK:
            return False
        return not self._is_locked(page)

    def _is_locked(self, page):
        if 3 <= page <= 15:
            locks = self.pages[10] | self.pages[11] << 8
            return locks >> page & 1 == 1
        if 16 <= page < self.config_page - 1:
            start = 4 * (self.config_page - 1)
            locks = self.pages[start] | self.pages[start + 1] << 8
            return locks >> ((page - 16) // self.dynamic_lock_pages) & 1 == 1
        return False


class Ntag213(_Ntag):
    """144 bytes for the user, pages 4 to 39."""

    kind = "ntag213"
    page_count = 45
    config_page = 0x29
    storage_byte = 0x0F
    dynamic_lock_pages = 2
    capability = 0x12


class Ntag215(_Ntag):
    """504 bytes for the user, pages 4 to 129."""

    kind = "ntag215"
    page_count = 135
    config_page = 0x83
    storage_byte = 0x11
    dynamic_lock_pages = 16
    capability = 0x3E
