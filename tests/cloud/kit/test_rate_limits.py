"""Tries are counted together, whoever counts them, and start anew after a success."""

import asyncio

import pytest

from cloud.kit.errors import RateLimitedError
from cloud.kit.feature import Kit
from cloud.kit.rate_limits import RateLimits


async def test_one_try_too_many_is_refused_however_many_come_at_once(kit: Kit):
    limits = [RateLimits(kit.redis), RateLimits(kit.redis)]

    async def attempt(number: int) -> bool:
        try:
            await limits[number % 2].take("login", "ada", tries=10, window_s=600)
        except RateLimitedError:
            return False
        return True

    taken = await asyncio.gather(*(attempt(number) for number in range(50)))
    assert sum(taken) == 10


async def test_one_account_does_not_use_up_the_tries_of_another(kit: Kit):
    limits = RateLimits(kit.redis)
    await limits.take("login", "ada", tries=1, window_s=600)
    await limits.take("login", "bob", tries=1, window_s=600)
    with pytest.raises(RateLimitedError) as refused:
        await limits.take("login", "ada", tries=1, window_s=600)
    assert refused.value.headers["Retry-After"] == "600"
    await limits.forget("login", "ada", tries=1, window_s=600)
    await limits.take("login", "ada", tries=1, window_s=600)
