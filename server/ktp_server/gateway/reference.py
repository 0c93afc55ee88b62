"""The OpenAPI document as a page to read, made here: no script, nothing from elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from html import escape
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

__all__ = ["DOCUMENT_PATH", "REFERENCE_PATH", "make_reference_router", "render_reference"]

DOCUMENT_PATH = "/openapi.json"
REFERENCE_PATH = "/docs"
STYLE_PATH = "/docs/style.css"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
}

JsonObject = Mapping[str, object]


def make_reference_router(openapi: Callable[[], JsonObject]) -> APIRouter:
    """Make the page's routes.

    Args:
        openapi: gives the document.
    """
    router = APIRouter(include_in_schema=False)
    style = files("ktp_server.gateway").joinpath("reference.css").read_text("utf-8")

    @router.get(REFERENCE_PATH)
    async def show_reference() -> Response:
        return Response(render_reference(openapi()), media_type="text/html", headers=PAGE_HEADERS)

    @router.get(STYLE_PATH)
    async def give_style() -> Response:
        return Response(style, media_type="text/css")

    return router


def render_reference(document: JsonObject) -> str:
    """Render an OpenAPI document as HTML.

    Args:
        document: as served.
    """
    info = _object(document, "info")
    operations = [
        line
        for path, methods in _object(document, "paths").items()
        for method, operation in _members(methods)
        for line in _render_operation(path, method, operation)
    ]
    schemas = _object(_object(document, "components"), "schemas")
    models = [line for name, schema in _members(schemas) for line in _render_schema(name, schema)]
    title = escape(f"{info['title']} {info['version']}")
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{title}: API</title><link rel="stylesheet" href="{STYLE_PATH}"></head><body>',
            f"<header><h1>{title}</h1><p>{escape(str(info['description']))}</p>",
            f'<p>The same for programs: <a href="{DOCUMENT_PATH}">{DOCUMENT_PATH}</a>.</p></header><main>',
            *operations,
            "<h2>Schemas</h2>",
            *models,
            "</main></body></html>\n",
        )
    )


def _render_operation(path: str, method: str, operation: JsonObject) -> Iterator[str]:
    yield f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p><strong>{escape(str(operation.get('summary', '')))}</strong></p>"
    yield f"<p>{escape(str(operation.get('description', '')))}</p>"
    content = _object(_object(operation, "requestBody"), "content")
    if content:
        yield "<h3>Request</h3><table><tr><th>Content-Type</th><th>body</th></tr>"
        for kind, body in _members(content):
            yield f"<tr><td><code>{escape(kind)}</code></td><td>{_render_type(_object(body, 'schema'))}</td></tr>"
        yield "</table>"
    yield "<h3>Answers</h3><table><tr><th>status</th><th>when</th><th>body</th></tr>"
    for status, answer in _members(_object(operation, "responses")):
        bodies = [_render_type(_object(body, "schema")) for _, body in _members(_object(answer, "content"))]
        description = escape(str(answer.get("description", "")))
        yield f"<tr><td>{escape(status)}</td><td>{description}</td><td>{', '.join(bodies)}</td></tr>"
    yield "</table></section>"


def _render_schema(name: str, schema: JsonObject) -> Iterator[str]:
    yield f'<section id="{escape(name)}"><h3>{escape(name)}</h3>'
    if "description" in schema:
        yield f"<p>{escape(str(schema['description']).partition(chr(10))[0])}</p>"
    if "enum" in schema:
        yield f"<p>{_render_type(schema)}</p>"
    properties = _object(schema, "properties")
    if properties:
        needed = schema.get("required")
        yield "<table><tr><th>member</th><th>type</th><th></th></tr>"
        for member, value in _members(properties):
            always = "always there" if isinstance(needed, list) and member in needed else ""
            note = escape(str(value.get("description", always)))
            yield f"<tr><td><code>{escape(member)}</code></td><td>{_render_type(value)}</td><td>{note}</td></tr>"
        yield "</table>"
    yield "</section>"


def _render_type(schema: JsonObject) -> str:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(choices, list):
        return " | ".join(f"<code>{escape(str(choice))}</code>" for choice in choices)
    alternatives = schema.get("anyOf")
    if isinstance(alternatives, list):
        return " or ".join(_render_type(each) for each in alternatives)
    if schema.get("type") == "array":
        return f"list of {_render_type(_object(schema, 'items'))}"
    return escape(str(schema.get("format", schema.get("type", "any"))))


def _object(parent: object, name: str) -> JsonObject:
    """A member that is an object; empty where there is none."""
    member = parent.get(name) if isinstance(parent, Mapping) else None
    return member if isinstance(member, Mapping) else {}


def _members(parent: object) -> Iterator[tuple[str, JsonObject]]:
    """The members of an object that are objects themselves."""
    for name, value in parent.items() if isinstance(parent, Mapping) else ():
        if isinstance(value, Mapping):
            yield str(name), value
