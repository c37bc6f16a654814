"""Wall time: the board's RTC, set by signed time, never behind what the gate knew before.

Certificates, windows of rights and the expiry of commands hang on it, so how far it can be trusted
is told with everything: set, drifting, unset.
"""

from protocols.portable import codes

FILE = "clock.json"
TRUSTED_MS = 24 * 3600 * 1000
KEEP_EVERY_MS = 600000
# A signed time may correct drift backwards by this much; more needs an answer to our own question.
BACK_MS_MAX = 2000

_DAY_MS = 86400000


class Clock:
    """Milliseconds since 1970 UTC, or None.

    rtc: has `datetime()` as machine.RTC; subseconds_per_ms: what the last field of it counts, None
    where it is always 0. uptime_ms: a function giving ms since boot.
    """

    def __init__(self, rtc, uptime_ms, storage, subseconds_per_ms):
        """Take the parts; `start` reads what is known."""
        self._rtc = rtc
        self._uptime_ms = uptime_ms
        self._storage = storage
        self._subseconds_per_ms = subseconds_per_ms
        self._set_up_ms = None
        self._kept_up_ms = 0
        self._offset_ms = 0
        self._is_known = False

    def start(self, made_at_ms=0):
        """Begin with the RTC if it kept time, else with the last time known.

        made_at_ms: a time certainly past, from provisioning; 0 if there is none.
        """
        floor_ms = max(self._storage.read_json(FILE).get("last_ms", 0), made_at_ms)
        if floor_ms > 0:
            self._is_known = True
            if self._read_rtc_ms() < floor_ms:
                self._write_rtc(floor_ms)
        self._offset_ms = self._read_rtc_ms() - self._uptime_ms()

    def now_ms(self):
        """Wall time in ms, None while unset."""
        if not self._is_known:
            return None
        rtc_ms = self._read_rtc_ms()
        if self._subseconds_per_ms is None:
            # The RTC counts whole seconds: the uptime fills in as long as both agree.
            guess_ms = self._offset_ms + self._uptime_ms()
            if 0 <= guess_ms - rtc_ms < 1000:
                return guess_ms
            self._offset_ms = rtc_ms - self._uptime_ms()
        return rtc_ms

    def now_s(self):
        """Wall time in seconds, None while unset."""
        now_ms = self.now_ms()
        return None if now_ms is None else now_ms // 1000

    def quality(self):
        """codes.CLOCK_SET, CLOCK_DRIFTING or CLOCK_UNSET."""
        if not self._is_known:
            return codes.CLOCK_UNSET
        if self._set_up_ms is None or self._uptime_ms() - self._set_up_ms > TRUSTED_MS:
            return codes.CLOCK_DRIFTING
        return codes.CLOCK_SET

    def set_by_command(self, now_ms):
        """Take a signed `time`; False if it would turn the clock back, which a delayed one may."""
        current_ms = self.now_ms()
        if (
            self.quality() == codes.CLOCK_SET
            and current_ms is not None
            and now_ms < current_ms - BACK_MS_MAX
        ):
            return False
        self._set(now_ms)
        return True

    def set_by_answer(self, now_ms):
        """Take the time in a signed answer to our own tap: fresh for certain, so it always wins."""
        current_ms = self.now_ms()
        if current_ms is None or abs(now_ms - current_ms) > 1000:
            self._set(now_ms)
        self._set_up_ms = self._uptime_ms()

    def keep(self):
        """Write the time to flash now and then, so that the next boot does not start before it."""
        up_ms = self._uptime_ms()
        if self._is_known and up_ms - self._kept_up_ms >= KEEP_EVERY_MS:
            self._keep(up_ms)

    def _set(self, now_ms):
        is_first = self._set_up_ms is None
        self._write_rtc(now_ms)
        self._is_known = True
        self._set_up_ms = self._uptime_ms()
        self._offset_ms = now_ms - self._set_up_ms
        if is_first:
            self._keep(self._set_up_ms)

    def _keep(self, up_ms):
        self._kept_up_ms = up_ms
        try:
            self._storage.write_json(FILE, {"last_ms": self.now_ms()})
        except OSError:
            # The next try comes in ten minutes; a gate with a full flash still opens.
            pass

    def _read_rtc_ms(self):
        year, month, day, _, hour, minute, second, sub = self._rtc.datetime()
        seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
        return seconds * 1000 + (sub // self._subseconds_per_ms if self._subseconds_per_ms else 0)

    def _write_rtc(self, now_ms):
        days = now_ms // _DAY_MS
        rest_ms = now_ms % _DAY_MS
        year, month, day = civil_from_days(days)
        seconds = rest_ms // 1000
        sub = rest_ms % 1000 * (self._subseconds_per_ms or 0)
        hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
        self._rtc.datetime((year, month, day, (days + 3) % 7, hour, minute, second, sub))


def days_from_civil(year, month, day):
    """Days since 1970-01-01 of a date in the Gregorian calendar.

    Source: H. Hinnant, chrono-Compatible Low-Level Date Algorithms, 2013.
    """
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468


def civil_from_days(days):
    """The (year, month, day) of a count of days since 1970-01-01; see `days_from_civil`."""
    days += 719468
    era = days // 146097
    day_of_era = days - era * 146097
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + (3 if shifted < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day
