"""Schemas say what protobuf's JSON mapping prints; the page shows the whole document and nothing from elsewhere."""

from html.parser import HTMLParser

import jsonschema
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ktp.ocr.v1 import ktp_ocr_service_pb2
from ktp_server.gateway.card_api import ANSWERS
from ktp_server.gateway.documentation import message_schemas
from ktp_server.gateway.reference import render_reference


def fill(message: Message, depth: int = 0) -> None:
    """Set every field of a message and of those in it."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None:
            inner = getattr(message, field.name)
            fill(inner.add() if field.is_repeated else inner, depth + 1)
            continue
        value = "text" if field.type == FieldDescriptor.TYPE_STRING else 1
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)


def validator(message: type[Message]) -> jsonschema.Draft202012Validator:
    schemas = message_schemas(ANSWERS)
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{message.DESCRIPTOR.name}", "components": {"schemas": schemas}}
    )


def to_json(message: Message) -> dict[str, object]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.DESCRIPTOR.name)
def test_empty_and_full_messages_match_their_schemas(answer: type[Message]) -> None:
    empty, full = answer(), answer()
    fill(full)
    validator(answer).validate(to_json(empty))
    validator(answer).validate(to_json(full))


def test_schemas_refuse_what_is_not_in_the_contract() -> None:
    check = validator(ktp_ocr_service_pb2.RecognizeCardResponse)
    assert not check.is_valid({"request_id": 5})
    assert not check.is_valid({"request_id": "a", "more": 1})
    assert not check.is_valid({})
    card = {"request_id": "a", "recognition": {"card": {"nik": {"value": 1}}}}
    assert not check.is_valid(card)


class _References(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.anchors |= {value or "" for name, value in attrs if name == "id"}


def test_page_shows_hostile_text_as_text_and_links_only_within() -> None:
    operation = {
        "summary": "<script>alert(1)</script>",
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Card"}}}},
        "responses": {"200": {"description": "a & b", "content": {"application/json": {"schema": {"type": "array"}}}}},
    }
    kinds = {"a": {"enum": ["x", "y"]}, "b": {"const": 1}, "c": {"anyOf": [{"type": "null"}, {"type": "string"}]}}
    document = {
        "info": {"title": "t", "version": "1", "description": "d"},
        "paths": {"/cards": {"post": operation}},
        "components": {"schemas": {"Card": {"description": "one\ntwo", "properties": kinds, "required": ["a"]}}},
    }
    page = render_reference(document)
    found = _References()
    found.feed(page)
    assert "script" not in found.tags
    assert "&lt;script&gt;" in page
    assert "POST /cards" in page
    assert "null or string" in page
    assert all(link.startswith(("/", "#")) for link in found.links)
    assert {link[1:] for link in found.links if link.startswith("#")} <= found.anchors
