"""A link ends when it is told to, also in the very moment its broker dies."""

import asyncio
import contextlib
import ssl

import aiomqtt
import pytest

from edge_agent.link import Link, LinkOptions


class DyingClient:
    """Is cancelled while it serves, and then finds its connection gone."""

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        raise aiomqtt.MqttError("Disconnected during message iteration")

    async def subscribe(self, *_, **__):
        await asyncio.Event().wait()


class Nobody:
    async def on_up(self): ...

    async def on_message(self, topic, payload, *, retained): ...

    async def on_down(self): ...


async def test_a_cancelled_link_ends_although_its_broker_is_gone(monkeypatch):
    options = LinkOptions(
        name="cloud",
        host="127.0.0.1",
        port=1,
        tls=ssl.create_default_context(),
        identifier="site-elm-street",
        subscriptions=(("a/#", 1),),
    )

    async def do_not_go_on(_: float) -> None:
        pytest.fail("it was to end, not to try again")

    link = Link(options, Nobody(), sleep=do_not_go_on)
    monkeypatch.setattr(link, "_connected", DyingClient)
    running = asyncio.create_task(link.run_forever())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


class SwallowingClient:
    """Loses a cancellation that comes while it waits, as `asyncio.wait_for` may in Python 3.11."""

    def __init__(self, call: str) -> None:
        self._call = call
        self.waits = asyncio.Event()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_): ...

    async def _wait(self, call: str) -> None:
        if call == self._call and not self.waits.is_set():
            self.waits.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def subscribe(self, *_, **__):
        await self._wait("subscribe")
        return (0,)

    async def publish(self, *_, **__):
        await self._wait("publish")

    @property
    async def messages(self):
        await asyncio.Event().wait()
        yield


class Speaker(Nobody):
    link: Link

    async def on_up(self):
        await self.link.publish("a/b", b"")


@pytest.mark.parametrize("call", ["subscribe", "publish"])
async def test_a_cancelled_link_ends_although_the_cancellation_was_swallowed(monkeypatch, call):
    options = LinkOptions(
        name="cloud",
        host="127.0.0.1",
        port=1,
        tls=ssl.create_default_context(),
        identifier="site-elm-street",
        subscriptions=(("a/#", 1),),
    )
    handler = Speaker()
    handler.link = link = Link(options, handler)
    client = SwallowingClient(call)
    monkeypatch.setattr(link, "_connected", lambda: client)
    running = asyncio.create_task(link.run_forever())
    await client.waits.wait()
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=5)
    assert done
    assert running.cancelled()
