"""The gateway's application: the APIs, the probes, the documentation, under one envelope."""

from functools import cache
from http import HTTPStatus
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from ktp_server.gateway import reference
from ktp_server.gateway.bodies import BodyBuffer
from ktp_server.gateway.card_api import ANSWERS, ErrorAnswer, ErrorStatus, make_card_router
from ktp_server.gateway.desk import UNCHARGED_HEADERS, Desk
from ktp_server.gateway.documentation import write_openapi
from ktp_server.gateway.envelope import Envelope
from ktp_server.gateway.form_api import make_form_router
from ktp_server.gateway.job_api import make_job_router
from ktp_server.gateway.page import make_page_router
from ktp_server.gateway.probes import make_probe_router
from ktp_server.gateway.upstream import Upstream
from ktp_server.observability.exposition import RenderMetrics
from ktp_server.observability.observer import Observer
from ktp_server.settings import Settings

__all__ = ["make_application"]

DESCRIPTION = """\
Reads Indonesian identity cards (KTP) in photographs. Three APIs over one service: the job API, the form API, and the
JSON form of the gRPC contract ktp.ocr.v1. Images are JPEG, PNG or BMP. Nothing is stored. docs/api.md has examples.
"""

NO_TELEMETRY = TelemetryConfig(tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False)
"""FastAPI's own would record exceptions' messages, which may quote a card, and send them where the environment says.
What may be told, the observer tells."""

UNROUTED_CODES = {HTTPStatus.NOT_FOUND: "NOT_FOUND", HTTPStatus.METHOD_NOT_ALLOWED: "UNIMPLEMENTED"}
"""HTTP status -> name of the gRPC code. Source: google.rpc.Code."""


def make_application(
    upstream: Upstream, settings: Settings, render_metrics: RenderMetrics, observer: Observer
) -> ASGIApp:
    """Put the application together.

    Args:
        upstream: the service.
        settings: limits.
        render_metrics: gives the metrics for /metrics.
        observer: is told of each answer.
    """
    app = FastAPI(
        title="ktp-ocr",
        version=version("ktp-ocr"),
        summary="Reads Indonesian identity cards (KTP)",
        description=DESCRIPTION,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    buffer = BodyBuffer(settings.http_buffer_bytes, settings.http_read_timeout_s)
    desk = Desk(upstream, buffer, settings.image_max_bytes)
    app.include_router(make_job_router(desk))
    app.include_router(make_form_router(desk))
    app.include_router(make_card_router(desk))
    app.include_router(make_probe_router(upstream, render_metrics))
    app.include_router(make_page_router(settings))
    app.add_exception_handler(HTTPException, _answer_unrouted)

    @cache
    def openapi() -> dict[str, object]:
        return write_openapi(app, ANSWERS)

    @app.get(reference.DOCUMENT_PATH, include_in_schema=False)
    async def give_openapi() -> JSONResponse:
        return JSONResponse(openapi())

    app.include_router(reference.make_reference_router(openapi))
    return Envelope(app, observer)


async def _answer_unrouted(_request: Request, error: Exception) -> Response:
    """Answer what no API takes: another path, or another method."""
    if not isinstance(error, HTTPException):  # Starlette's signature is wider than what it is registered for
        raise error
    status = HTTPStatus(error.status_code)
    code = UNROUTED_CODES.get(status, "UNKNOWN")
    body = ErrorAnswer(error=ErrorStatus(code=status, message=status.phrase, status=code, details=[]))
    return JSONResponse(body.model_dump(), status, dict(error.headers or {}) | UNCHARGED_HEADERS)
