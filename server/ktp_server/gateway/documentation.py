"""The OpenAPI document: what the routes' models do not say by themselves."""

from collections.abc import Iterable, Mapping
from typing import Annotated, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pydantic import BaseModel, Field

from ktp_server.errors import ERROR_POLICIES
from ktp_server.gateway.uploads import FORM_TYPE, IMAGE_TYPES, JSON_TYPE, MULTIPART_TYPE, ImageBody

__all__ = [
    "PrintedText",
    "describe_failures",
    "describe_message",
    "describe_uploads",
    "message_schemas",
    "write_openapi",
]

JsonObject: TypeAlias = dict[str, object]

COMPONENTS = "#/components/schemas/"
PrintedText = Annotated[
    str, Field(description="As printed, after correction; empty where it was not found or could not be read.")
]

BINARY: JsonObject = {"type": "string", "format": "binary"}

SCALAR_SCHEMAS: Mapping[int, JsonObject] = {
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0},
}
"""Schemas of the scalar types that the contract's answers use. Source: ProtoJSON format."""

BODY_SCHEMAS: Mapping[str, JsonObject] = {
    JSON_TYPE: {"$ref": COMPONENTS + "ImageRequest"},
    FORM_TYPE: {
        "type": "object",
        "required": ["img"],
        "properties": {"img": {"type": "string", "contentEncoding": "base64", "description": "The image file."}},
    },
    MULTIPART_TYPE: {"type": "object", "required": ["image"], "properties": {"image": BINARY}},
}

ANSWER_HEADERS: JsonObject = {
    "X-Request-Id": {"description": "The request's id, given or made up.", "schema": {"type": "string"}},
    "X-Charged": {"description": "Whether the call counts.", "schema": {"type": "string", "enum": ["yes", "no"]}},
}
FAILURE_HEADERS: JsonObject = ANSWER_HEADERS | {
    "X-Error-Reason": {"description": "Why it failed.", "schema": {"type": "string", "enum": sorted(ERROR_POLICIES)}},
    "Retry-After": {"description": "Seconds, where waiting helps.", "schema": {"type": "integer"}},
}


def describe_uploads(accepted: Iterable[str]) -> JsonObject:
    """Describe the body of a request.

    Args:
        accepted: media types of the forms in which an image may come.
    """
    content = {kind: {"schema": BINARY if kind in IMAGE_TYPES else BODY_SCHEMAS[kind]} for kind in sorted(accepted)}
    return {"requestBody": {"required": True, "content": content}}


def describe_message(message: type[Message]) -> dict[int | str, JsonObject]:
    """Describe an answer that is a message of the contract."""
    schema = {"$ref": COMPONENTS + message.DESCRIPTOR.name}
    return {200: {"description": "Done.", "headers": ANSWER_HEADERS, "content": {JSON_TYPE: {"schema": schema}}}}


def describe_failures(model: type[BaseModel]) -> dict[int | str, JsonObject]:
    """Describe the failures of a route, by the table of errors.

    Args:
        model: shape of their bodies.
    """
    reasons: dict[int, list[str]] = {}
    for reason, policy in ERROR_POLICIES.items():
        reasons.setdefault(policy.http_status, []).append(reason.value)
    return {
        status: {"model": model, "description": ", ".join(names), "headers": FAILURE_HEADERS}
        for status, names in sorted(reasons.items())
    }


def message_schemas(messages: Iterable[type[Message]]) -> dict[str, JsonObject]:
    """Make JSON schemas of messages and of all that they hold, by protobuf's JSON mapping.

    Args:
        messages: of the contract.

    Returns:
        Schemas by message or enum name.
    """
    schemas: dict[str, JsonObject] = {}
    waiting = [message.DESCRIPTOR for message in messages]
    while waiting:
        message = waiting.pop()
        if message.name in schemas:
            continue
        schemas[message.name] = {
            "type": "object",
            "description": f"Message {message.full_name} of the gRPC contract.",
            "properties": {field.name: _field_schema(field, schemas) for field in message.fields},
            "required": [field.name for field in message.fields if not field.has_presence],
            "additionalProperties": False,
        }
        waiting += [field.message_type for field in message.fields if field.message_type is not None]
    return schemas


def write_openapi(app: FastAPI, messages: Iterable[type[Message]]) -> JsonObject:
    """Write the OpenAPI document of an application.

    Args:
        app: with all its routes.
        messages: of the contract, that the routes' answers refer to.
    """
    document: JsonObject = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    written = document.get("components", {})
    components: JsonObject = dict(written) if isinstance(written, dict) else {}
    known = components.get("schemas", {})
    own = {"ImageRequest": ImageBody.model_json_schema(ref_template=COMPONENTS + "{model}")}
    components["schemas"] = (known if isinstance(known, dict) else {}) | message_schemas(messages) | own
    components["securitySchemes"] = {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Bearer": {"type": "http", "scheme": "bearer"},
    }
    # A server without keys asks for none.
    return document | {"components": components, "security": [{}, {"ApiKey": []}, {"Bearer": []}]}


def _field_schema(field: FieldDescriptor, schemas: dict[str, JsonObject]) -> JsonObject:
    schema = _value_schema(field, schemas)
    return {"type": "array", "items": schema} if field.is_repeated else schema


def _value_schema(field: FieldDescriptor, schemas: dict[str, JsonObject]) -> JsonObject:
    if field.message_type is not None:
        return {"$ref": COMPONENTS + field.message_type.name}
    if field.enum_type is not None:
        schemas[field.enum_type.name] = {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        return {"$ref": COMPONENTS + field.enum_type.name}
    return SCALAR_SCHEMAS[field.type]
