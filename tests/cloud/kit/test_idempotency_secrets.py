"""What is kept of a request, so that it happens once, gives nothing of it away."""

import hashlib
from datetime import UTC, datetime

import httpx
import pytest

from cloud.kit.crypto import SealBrokenError
from cloud.kit.feature import Kit
from cloud.kit.idempotency import Once

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


async def test_neither_name_nor_a_hash_of_the_password_can_be_read(
    kit: Kit, client: httpx.AsyncClient
) -> None:
    body = b'{"email":"ada@example.org","password":"horse battery 41 staple","name":"Ada Lovelace"}'
    headers = {"Idempotency-Key": "register-1", "Content-Type": "application/json"}
    answers = [await client.post("/api/v1/users", content=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    row = await kit.database.pool.fetchrow("SELECT fingerprint, answer FROM idempotency_keys")
    assert b"Lovelace" not in row["answer"]
    assert b"ada@" not in row["answer"]
    # Without the key of this installation nobody can try passwords against it.
    plain = hashlib.sha256(b"POST /api/v1/users\n" + body).digest()
    assert row["fingerprint"] != plain


async def test_an_answer_copied_to_another_caller_does_not_open(kit: Kit) -> None:
    async def work() -> str:
        return "Ada"

    async with kit.database.session() as session:
        await Once(session, kit.cipher, NOW, "ada", "key-0001", b"f").answer(str, work)
    await kit.database.pool.execute("UPDATE idempotency_keys SET caller = 'bob'")
    with pytest.raises(SealBrokenError):
        async with kit.database.session() as session:
            await Once(session, kit.cipher, NOW, "bob", "key-0001", b"f").answer(str, work)
