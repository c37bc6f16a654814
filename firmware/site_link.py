"""The gate's side of the talk with its agent: asks, obeys, reports, and sends what happened.

`ask` and the network callback do the little that a waiting driver needs; everything else is queued
for the worker, which owns counters, clock and list. A lost link is normal: it is retried with
full-jitter back-off, and all that had to be kept waits in the outbox.
"""

import asyncio
import sys

from firmware.link import codec, mqtt
from protocols.portable import codes, topics, version

KEEPALIVE_S = 10
_REPORT_MS = 30000
_REPORT_GAP_MS = 500
_ACK_WITHIN_MS = 3000
_LIST_RETRY_MS = 2000
_QUIET_WITHIN_MS = 3000
_WORK_MAX = 8
FAULT_FOREIGN = "foreign_certificate"
_MESSAGE_BYTES = version.GATE_MESSAGE_BYTES_MAX + 128


class SiteLink:
    """One gate's link to its site's broker.

    act: called with a Command that is to be obeyed; gives its result code.
    report: a function giving the fields of `state/report`.
    has_vehicle: a function telling whether a driver waits at the reader.
    """

    def __init__(self, identity, boot, open_transport, wifi, rules, rights, clock, journal, uptime_ms, random, alive):  # fmt: skip # noqa: E501
        """Take the parts; random() is uniform in [0, 1); alive(task) reports to the supervisor."""
        self._gate = identity.gate
        self._boot = boot
        self._wifi = wifi
        self._rules = rules
        self._rights = rights
        self._clock = clock
        self._journal = journal
        self._uptime_ms = uptime_ms
        self._random = random
        self._alive = alive
        self.act = None
        self.has_vehicle = None
        self.report = None
        will = (self._topic(topics.ONLINE), codec.online(False, boot))
        self._mqtt = mqtt.MqttClient(
            open_transport, self._gate, will, KEEPALIVE_S, _MESSAGE_BYTES, uptime_ms
        )
        self._mqtt.on_message = self._on_message
        self._mqtt.on_oversize = self._on_oversize
        self._is_foreign = False
        self._answer = None
        self._ask_until_ms = 0
        self._work = []
        self._has_work = asyncio.Event()
        self._wakes_sender = asyncio.Event()
        self._acked = None
        self._is_report_due = True
        self._list_due_ms = 0

    @property
    def is_up(self):
        """Whether messages go through, as far as is known."""
        return self._mqtt.is_up

    # --- a tap ------------------------------------------------------------------------------

    def ask(self, tap, reading, vehicle):
        """Publish a tap, whose answer `answer` then gives; False at once if the link is down."""
        payload = codec.tap(
            self._boot,
            tap,
            reading.uid,
            reading.read,
            reading.level,
            reading.counter,
            vehicle,
            self._clock.now_ms(),
            self._clock.quality(),
            self._rights.version,
        )
        self._answer = None
        if not self._mqtt.publish(self._topic(topics.TAP), payload):
            return False
        self._rules.pending = (self._boot, tap)
        self._ask_until_ms = self._uptime_ms() + version.ANSWER_WITHIN_MS
        return True

    @property
    def is_waiting(self):
        """Whether the answer to the tap may still come."""
        return (
            self.is_up
            and self._rules.pending is not None
            and self._uptime_ms() < self._ask_until_ms
        )

    async def answer(self):
        """Wait for the answer to the tap: AnswerArgs as a dict, or None when its time is up."""
        # Looking every ms: an Event with a timeout wakes its waiter by way of three other tasks,
        # which costs a driver 3 to 6 ms.
        while self.is_waiting:
            await asyncio.sleep_ms(1)
        self._rules.pending = None
        return self._answer

    def learn_time(self):
        """Set the clock by the answer just given, once nobody waits for it any more."""
        now_ms = self._answer.get("now_ms") if self._answer else None
        self._answer = None
        if isinstance(now_ms, int):
            self._clock.set_by_answer(now_ms)

    # --- tasks ------------------------------------------------------------------------------

    async def run(self):
        """Keep the link up, for ever."""
        attempt = 0
        while True:
            self._alive("link")
            began_ms = self._uptime_ms()
            try:
                if await self._wifi.join(self._link_alive):
                    await self._wait_for_quiet()
                    watching = asyncio.create_task(self._watch())
                    try:
                        await self._mqtt.run([(self._topic("down/#"), 1)], self._on_up)
                    finally:
                        watching.cancel()
            except (OSError, ValueError, asyncio.TimeoutError) as error:
                if isinstance(error, ValueError) and not self._is_foreign:
                    self._is_foreign = True
                    self._journal.add(codes.FAULT, {"code": FAULT_FOREIGN})
                print("link:", repr(error))  # noqa: T201 - the console is the gate's only log
            attempt = 0 if self._uptime_ms() - began_ms > 10000 else attempt + 1
            await self._pause(mqtt.retry_delay_ms(attempt, self._random()))

    async def _wait_for_quiet(self):
        """A handshake holds a board's processor for up to half a second: not before a driver."""
        waited_ms = 0
        while self.has_vehicle() and waited_ms < _QUIET_WITHIN_MS:
            await asyncio.sleep_ms(100)
            waited_ms += 100

    async def _pause(self, delay_ms):
        until_ms = self._uptime_ms() + delay_ms
        while self._uptime_ms() < until_ms:
            self._alive("link")
            await asyncio.sleep_ms(min(1000, max(1, until_ms - self._uptime_ms())))

    def _link_alive(self):
        self._alive("link")

    async def _watch(self):
        while True:
            self._alive("link")
            await asyncio.sleep_ms(1000)

    async def send_events(self):
        """Send what the outbox holds, one at a time, each until the agent has it."""
        outbox = self._journal.outbox
        while True:
            self._alive("sender")
            head = outbox.peek() if self.is_up else None
            if head is None:
                await _wait(self._wakes_sender, 1000)
                continue
            boot, seq, payload = head
            self._acked = None
            self._wakes_sender.clear()
            if self._mqtt.publish(self._topic(topics.EVENT), payload):
                await self._wait_ack(boot, seq)
            else:
                await asyncio.sleep_ms(50)

    async def _wait_ack(self, boot, seq):
        until_ms = self._uptime_ms() + _ACK_WITHIN_MS
        while self.is_up and self._uptime_ms() < until_ms:
            if self._acked == (boot, seq):
                self._journal.outbox.ack(boot, seq)
                return
            # New events wake it too; they change nothing here.
            await _wait(self._wakes_sender, 500)
            self._alive("sender")

    async def work(self):
        """Obey commands and take in list parts, in the order they came; report now and then."""
        reported_ms = -_REPORT_MS
        while True:
            self._alive("worker")
            while self._work:
                kind, value = self._work.pop(0)
                await self._handle(kind, value)
            now_ms = self._uptime_ms()
            self._pull(now_ms)
            self._clock.keep()
            since_ms = now_ms - reported_ms
            is_due = self._is_report_due and since_ms >= _REPORT_GAP_MS
            if self.is_up and (is_due or since_ms >= _REPORT_MS):
                self._is_report_due = False
                reported_ms = now_ms
                self._send_report()
            await _wait(self._has_work, 250)

    # --- from the rest of the gate ----------------------------------------------------------

    def wake_sender(self):
        """An event was made."""
        self._wakes_sender.set()

    def report_soon(self):
        """Something that the report shows has changed."""
        self._is_report_due = True

    # --- the network callback: copy, check, queue -------------------------------------------

    def _on_up(self):
        if self._is_foreign:
            self._is_foreign = False
            self._journal.add(codes.RESTORED, {"code": FAULT_FOREIGN})
        self._mqtt.publish(
            self._topic(topics.ONLINE), codec.online(True, self._boot), qos=1, retain=True
        )
        self._tell_list()
        self._is_report_due = True
        self._wakes_sender.set()

    def _on_message(self, topic, payload):
        parsed = topics.parse(topic)
        if parsed is None or parsed[0] != "g" or parsed[1] != self._gate:
            return
        leaf = parsed[2]
        if leaf == topics.COMMAND:
            self._on_command(payload)
        elif leaf == topics.EVENT_ACK:
            ack = codec.decode(payload)
            if ack:
                self._acked = (ack.get("boot"), ack.get("seq"))
                self._wakes_sender.set()
        elif leaf == topics.DESIRED:
            self._queue(leaf, bytes(payload))
        elif leaf.startswith(topics.LIST_PART):
            self._queue(topics.LIST_PART, bytes(payload))

    def _on_oversize(self, topic):
        if topic == self._topic(topics.COMMAND):
            self._queue(topics.COMMAND, (codes.REFUSED_MALFORMED, None))

    def _on_command(self, payload):
        result, command = self._rules.check(payload, self._clock.now_ms(), self._clock.quality())
        if result != codes.DONE:
            self._queue(topics.COMMAND, (result, command))
        elif command.op == codes.OP_ANSWER:
            self._rules.pending = None
            self._answer = command.args
        else:
            # At once, so that the same message again is a replay even before this one is obeyed.
            self._rules.counter = command.counter
            if not self._queue(topics.COMMAND, (codes.DONE, command)):
                print("link: too many commands at once, dropped", command.id)  # noqa: T201

    def _queue(self, kind, value):
        if len(self._work) >= _WORK_MAX:
            return False
        self._work.append((kind, value))
        self._has_work.set()
        return True

    # --- the worker -------------------------------------------------------------------------

    async def _handle(self, kind, value):
        if kind == topics.COMMAND:
            result, command = value
            if result == codes.DONE:
                result = await self.act(command)
            self._journal_command(result, command)
        elif kind == topics.DESIRED:
            self._on_desired(codec.decode(value))
        else:
            self._on_list_part(value)

    def _journal_command(self, result, command):
        if result == codes.DONE and command.op == codes.OP_TIME:
            # Many a day, and each changes nothing but the clock.
            return
        data = {"id": None, "op": None, "counter": None, "result": result}
        if command is not None:
            data["id"] = command.id[:64]
            data["op"] = command.op[:32]
            data["counter"] = command.counter
        self._journal.add(codes.COMMAND, data)

    def _on_desired(self, desired):
        if desired is None:
            return
        numbers = [desired.get(name) for name in ("list_version", "list_parts", "list_bytes")]
        if not all(isinstance(number, int) for number in numbers):
            return
        part = self._rights.want(*numbers, str(desired.get("list_hash")))
        if part is not None:
            self._list_due_ms = 0
            self._pull(self._uptime_ms())
        else:
            self._tell_list()

    def _on_list_part(self, message):
        outcome = self._rights.add_part(message)
        if outcome == "more":
            self._list_due_ms = 0
            self._pull(self._uptime_ms())
        elif outcome is not None:
            self._tell_list()
            self._is_report_due = True
            self._journal.add(
                codes.LIST,
                {
                    "version": self._rights.version,
                    "hash": self._rights.hash,
                    "problem": self._rights.problem,
                },
            )

    def _pull(self, now_ms):
        wanted = self._rights.wanted
        if wanted is not None and self.is_up and now_ms >= self._list_due_ms:
            self._list_due_ms = now_ms + _LIST_RETRY_MS
            self._mqtt.publish(self._topic(topics.ACK), codec.list_wanted(*wanted))

    def _tell_list(self):
        rights = self._rights
        payload = codec.list_stands(rights.version, rights.hash, rights.problem)
        self._mqtt.publish(self._topic(topics.ACK), payload)

    def _send_report(self):
        try:
            payload = codec.report(self.report())
        except Exception as error:  # noqa: BLE001 - a report must not end the link
            sys.print_exception(error)
            return
        self._mqtt.publish(self._topic(topics.REPORT), payload, qos=1, retain=True)

    def _topic(self, leaf):
        return topics.gate(self._gate, leaf)


async def _wait(event, ms):
    """Wait for an event or so long, then clear it."""
    try:
        await asyncio.wait_for_ms(event.wait(), ms)
    except asyncio.TimeoutError:
        pass
    event.clear()
