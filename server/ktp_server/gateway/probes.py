"""What platforms ask: does the process live, does the service serve, how is it doing."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.responses import Response

from ktp_server.gateway.card_api import render_failure
from ktp_server.gateway.desk import failing_route
from ktp_server.gateway.upstream import Upstream

__all__ = ["make_probe_router"]


def make_probe_router(upstream: Upstream, render_metrics: Callable[[], tuple[bytes, str]]) -> APIRouter:
    """Make the routes.

    Args:
        upstream: the service.
        render_metrics: gives the metrics and their content type.
    """
    router = APIRouter(tags=["Operation"], route_class=failing_route(render_failure, may_charge=False))

    @router.get("/healthz", summary="Does the gateway live?")
    async def report_health() -> JSONResponse:
        """Always 200."""
        return JSONResponse({"status": "alive"})

    @router.get("/readyz", summary="Does the service serve?", responses={503: {"description": "Not now."}})
    async def report_readiness() -> JSONResponse:
        """200 while the gRPC health of the service behind the gateway is SERVING."""
        if await upstream.is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, HTTPStatus.SERVICE_UNAVAILABLE)

    @router.get(
        "/metrics",
        summary="Metrics",
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text."}},
    )
    async def report_metrics() -> Response:
        """Metrics in the text format of Prometheus; see docs/operations.md."""
        text, content_type = render_metrics()
        return Response(text, headers={"Content-Type": content_type})

    return router
