"""A link ends when it is told to, also in the very moment its broker dies."""

import asyncio
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
