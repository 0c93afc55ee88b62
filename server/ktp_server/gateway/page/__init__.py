"""A page for people: a photo goes in, the card's fields come out, each with its place in the photo."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from string import Template

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ktp_server.presentation import DOUBTFUL_CONFIDENCE, SURE_CONFIDENCE
from ktp_server.settings import Settings

__all__ = ["make_page_router"]

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
DOCUMENT_NAME = "index.html"

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-cache",  # kept, but asked for again each time: pages and server always fit each other
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""Source: OWASP HTTP Headers Cheat Sheet."""


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file of the page, with the headers that it is served with."""

    path: str
    content: bytes
    headers: Mapping[str, str]


def make_page_router(settings: Settings) -> APIRouter:
    """Make the page's routes: the document at `/`, the rest of it under `/page/`.

    Args:
        settings: the page tells people the limits of images, and keeps to them.
    """
    router = APIRouter(include_in_schema=False)
    for asset in _load_assets(settings):
        router.add_api_route(asset.path, _give(asset), methods=["GET", "HEAD"])
    return router


def _load_assets(settings: Settings) -> Iterator[_Asset]:
    limits = settings.requirement_rules().decode_limits()
    values = {
        "max_bytes": limits.max_bytes,
        "below_short_px": limits.below_short_px,
        "below_long_px": limits.below_long_px,
        "sure_confidence": SURE_CONFIDENCE,
        "doubtful_confidence": DOUBTFUL_CONFIDENCE,
    }
    for file in files(__name__).iterdir():
        media_type = MEDIA_TYPES.get(f".{file.name.rpartition('.')[2]}")
        if media_type is None:
            continue
        text = file.read_text("utf-8")
        is_document = file.name == DOCUMENT_NAME
        content = (Template(text).substitute(values) if is_document else text).encode()
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        path = "/" if is_document else f"/page/{file.name}"
        yield _Asset(path, content, {**HEADERS, "Content-Type": media_type, "ETag": tag})


def _give(asset: _Asset) -> Callable[[Request], Awaitable[Response]]:
    async def give(request: Request) -> Response:
        tags = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if asset.headers["ETag"] in tags or "*" in tags:
            return Response(status_code=304, headers=asset.headers)
        return Response(asset.content, headers=asset.headers)

    return give
