from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types import Upload

from tests.engine.server.harness import EngineProcess, chat_rows


def open_upload(client: OpenAI, size: int) -> Upload:
    return client.uploads.create(
        bytes=size, filename="big.jsonl", mime_type="text/jsonl", purpose="fine-tune"
    )


def test_parts_become_one_file_in_the_order_asked(client: OpenAI) -> None:
    content = chat_rows(40)
    halves = content[:777], content[777:]
    upload = open_upload(client, len(content))
    assert upload.status == "pending"
    assert upload.expires_at == upload.created_at + 3600
    second = client.uploads.parts.create(upload.id, data=halves[1])
    first = client.uploads.parts.create(upload.id, data=halves[0])
    digest = hashlib.md5(content).hexdigest()
    done = client.uploads.complete(upload.id, part_ids=[first.id, second.id], md5=digest)
    assert done.status == "completed"
    assert done.file is not None
    assert client.files.content(done.file.id).read() == content


def test_the_clients_own_helper_works(client: OpenAI) -> None:
    content = chat_rows(100)
    done = client.uploads.upload_file_chunked(
        file=content,
        filename="big.jsonl",
        bytes=len(content),
        mime_type="text/jsonl",
        purpose="fine-tune",
        part_size=1000,
    )
    assert done.file is not None
    assert client.files.content(done.file.id).read() == content


def test_a_wrong_checksum_keeps_the_upload_open(client: OpenAI) -> None:
    content = chat_rows(3)
    upload = open_upload(client, len(content))
    part = client.uploads.parts.create(upload.id, data=content)
    with pytest.raises(openai.BadRequestError, match="md5"):
        client.uploads.complete(upload.id, part_ids=[part.id], md5="0" * 32)
    assert client.uploads.complete(upload.id, part_ids=[part.id]).status == "completed"


def test_a_wrong_size_is_refused(client: OpenAI) -> None:
    content = chat_rows(3)
    upload = open_upload(client, len(content) + 1)
    part = client.uploads.parts.create(upload.id, data=content)
    with pytest.raises(openai.BadRequestError, match="bytes"):
        client.uploads.complete(upload.id, part_ids=[part.id])
    client.uploads.parts.create(upload.id, data=content)  # sent again, as after an answer that was lost
    with pytest.raises(openai.BadRequestError, match="larger"):
        client.uploads.parts.create(upload.id, data=content)
    with pytest.raises(openai.BadRequestError, match="larger"):
        client.uploads.parts.create(open_upload(client, 10).id, data=content)


def test_parts_of_another_upload_are_not_taken(client: OpenAI) -> None:
    content = chat_rows(3)
    mine, other = open_upload(client, len(content)), open_upload(client, len(content))
    part = client.uploads.parts.create(other.id, data=content)
    for part_id in (part.id, "../../token", "part_" + "a" * 32):
        with pytest.raises(openai.BadRequestError) as caught:
            client.uploads.complete(mine.id, part_ids=[part_id])
        assert caught.value.param == "part_ids"


def test_a_cancelled_upload_takes_nothing_more(client: OpenAI) -> None:
    upload = open_upload(client, 10)
    assert client.uploads.cancel(upload.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        client.uploads.parts.create(upload.id, data=b"0123456789")
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        client.uploads.cancel(upload.id)


def test_an_unknown_upload_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.uploads.parts.create("upload_../../x", data=b"1")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": 9 * 2**30}, "bytes"),
        ({"bytes": "9"}, "bytes"),
        ({"purpose": "fun"}, "purpose"),
        ({"filename": None}, "filename"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after.seconds"),
    ],
)
def test_a_wrong_create_field_is_named(http: httpx2.Client, change: dict[str, object], param: str) -> None:
    body = {"bytes": 9, "filename": "a", "mime_type": "text/jsonl", "purpose": "fine-tune", **change}
    answer = http.post("/v1/uploads", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_an_upload_survives_a_restart_and_expires_after_its_hour(
    new_engine: Callable[..., EngineProcess],
) -> None:
    content = chat_rows(3)
    engine = new_engine().start()
    with engine.client() as client:
        kept, late = open_upload(client, len(content)), open_upload(client, len(content))
        part = client.uploads.parts.create(kept.id, data=content)
    engine.kill()
    record = engine.root / "uploads" / late.id / "upload.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"expires_at": 1}))
    with engine.start().client() as client:
        assert client.uploads.complete(kept.id, part_ids=[part.id]).status == "completed"
        with pytest.raises(openai.NotFoundError):
            client.uploads.cancel(late.id)


def test_a_part_of_64_mebibytes_is_taken_and_one_byte_more_is_not(client: OpenAI) -> None:
    limit = 64 * 1024 * 1024
    upload = open_upload(client, 2 * limit)
    once = client.with_options(max_retries=0)
    part = once.uploads.parts.create(upload.id, data=bytes(limit))
    assert part.upload_id == upload.id
    with pytest.raises(openai.APIStatusError) as caught:
        once.uploads.parts.create(upload.id, data=bytes(limit + 1))
    assert caught.value.status_code == 413
    assert "64 MB" in str(caught.value)
    again = once.uploads.parts.create(upload.id, data=bytes(1024))  # the refused one took no room
    assert again.id != part.id
    assert client.uploads.cancel(upload.id).status == "cancelled"
