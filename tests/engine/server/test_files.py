from __future__ import annotations

import io
import json
from pathlib import Path

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.engine.server.harness import EngineProcess, chat_rows


def upload(
    client: OpenAI, content: bytes = chat_rows(3), name: str = "rows.jsonl"
) -> openai.types.FileObject:
    return client.files.create(file=(name, content), purpose="fine-tune")


def test_a_file_comes_back_byte_for_byte(client: OpenAI) -> None:
    content = chat_rows(50)
    made = upload(client, content, "my rows.jsonl")
    assert (made.bytes, made.filename, made.purpose, made.status) == (
        len(content),
        "my rows.jsonl",
        "fine-tune",
        "processed",
    )
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == content


def test_a_deleted_file_is_gone(client: OpenAI) -> None:
    made = upload(client)
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(made.id)
    assert caught.value.request_id
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)


def test_files_are_listed_newest_first_and_page_by_page(client: OpenAI) -> None:
    names = [f"page-{number}.jsonl" for number in range(5)]
    for name in names:
        upload(client, name=name)
    page = client.files.list(limit=2)
    assert page.has_more
    assert [item.filename for item in page.data] == [names[4], names[3]]
    paged = [item.filename for item in client.files.list(limit=2) if item.filename.startswith("page-")]
    assert paged == names[::-1]
    oldest_first = [
        item.filename for item in client.files.list(order="asc") if item.filename.startswith("page-")
    ]
    assert oldest_first == names


def test_a_page_names_its_first_and_last_file(client: OpenAI, http: httpx2.Client) -> None:
    upload(client)
    page = http.get("/v1/files?limit=1").json()
    assert page["first_id"] == page["last_id"] == page["data"][0]["id"]


def test_files_can_be_listed_by_purpose(client: OpenAI) -> None:
    made = client.files.create(file=("notes.txt", b"anything"), purpose="user_data")
    assert [item.id for item in client.files.list(purpose="user_data")] == [made.id]
    assert made.id not in [item.id for item in client.files.list(purpose="fine-tune")]


def test_an_expiring_file_says_when(client: OpenAI) -> None:
    made = client.files.create(
        file=("rows.jsonl", chat_rows(2)),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert made.expires_at == made.created_at + 3600


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "purpose"),
        ({"purpose": "fine-tune-results"}, "purpose"),
        (
            {"purpose": "fine-tune", "expires_after[anchor]": "now", "expires_after[seconds]": "3600"},
            "anchor",
        ),
        ({"purpose": "fine-tune", "expires_after[anchor]": "created_at"}, "seconds"),
        (
            {"purpose": "fine-tune", "expires_after[anchor]": "created_at", "expires_after[seconds]": "5"},
            "seconds",
        ),
        ({"purpose": "fine-tune", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(http: httpx2.Client, fields: dict[str, str], param: str) -> None:
    answer = http.post("/v1/files", data=fields, files={"file": ("rows.jsonl", chat_rows(1))})
    assert answer.status_code == 400
    assert param in answer.json()["error"]["param"]


def test_a_form_without_a_file_is_refused(http: httpx2.Client) -> None:
    answer = http.post("/v1/files", data={"purpose": "fine-tune"}, files={"other": ("a", b"b")})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "file"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"hello", "multipart/form-data"),
        (b"hello", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_that_is_no_form_is_refused(http: httpx2.Client, body: bytes, kind: str) -> None:
    answer = http.post("/v1/files", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("content", "line"),
    [(b'prompt,completion\n"a","b"\n', 1), (b'{"a": 1}\n[1]\n', 2), (b"\xef\xbb\xbf{}\n", 1)],
)
def test_a_training_file_that_is_no_json_lines_is_refused_as_the_service_does(
    client: OpenAI, content: bytes, line: int
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(client, content)
    assert f"Line {line} is not a dictionary (HINT: line starts with:" in caught.value.message


def test_an_empty_training_file_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="empty"):
        upload(client, b"")


def test_nothing_of_a_refused_upload_stays_on_disk(client: OpenAI, engine: EngineProcess) -> None:
    before = sorted(path.name for path in (engine.root / "files").iterdir())
    with pytest.raises(openai.BadRequestError):
        upload(client, b"no json")
    assert sorted(path.name for path in (engine.root / "files").iterdir()) == before
    assert not list((engine.root / "incoming").iterdir())


def test_a_hostile_filename_is_only_text(client: OpenAI, engine: EngineProcess) -> None:
    made = upload(client, name="../../../../etc/passwd")
    assert client.files.retrieve(made.id).filename.endswith("passwd")
    assert json.loads((engine.root / "files" / made.id / "file.json").read_bytes())["id"] == made.id
    assert not (engine.root / "passwd").exists()


@pytest.mark.parametrize(
    "file_id", ["..", "%2e%2e", "file-..", "file-" + "a" * 22, "file-%2F..%2F..%2Ftoken"]
)
def test_an_id_that_is_none_finds_nothing(http: httpx2.Client, file_id: str) -> None:
    for path in (f"/v1/files/{file_id}", f"/v1/files/{file_id}/content"):
        answer = http.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_file_object_is_streamed_without_being_held_in_memory(client: OpenAI, tmp_path: Path) -> None:
    line = chat_rows(1, words=2000)
    path = tmp_path / "large.jsonl"
    path.write_bytes(line * 500)
    with path.open("rb") as stream:
        made = client.files.create(file=stream, purpose="fine-tune")
    assert made.bytes == path.stat().st_size
    assert client.files.content(made.id).read() == path.read_bytes()


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=10001", "limit=many", "order=up", "purpose=none", "after=file-x"]
)
def test_a_wrong_query_is_refused_with_its_name(http: httpx2.Client, query: str) -> None:
    answer = http.get(f"/v1/files?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.partition("=")[0]


def test_an_unnamed_stream_is_accepted(client: OpenAI) -> None:
    assert client.files.create(file=io.BytesIO(chat_rows(1)), purpose="fine-tune").bytes > 0
