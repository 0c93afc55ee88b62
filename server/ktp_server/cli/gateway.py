"""The command that runs the HTTP gateway alone, before a server elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from ktp_server.cli.endpoints import make_endpoint
from ktp_server.cli.options import ConfigOption, SetOption, begin_log, fail, make_configuration, run_or_exit
from ktp_server.listening import NOWHERE

__all__ = ["gateway"]


def gateway(  # noqa: PLR0913  # each option of the command is a parameter
    target: Annotated[str, typer.Option(help="host:port of the gRPC server.", metavar="HOST:PORT")],
    ca: Annotated[
        Path | None,
        typer.Option(help="PEM file of authorities that vouch for the server; with it TLS is spoken to it."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM file of the gateway's own certificate, for a server that asks for one.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of that certificate's private key.")] = None,
    http_address: Annotated[
        str | None, typer.Option(help="host:port to listen on; by default the setting.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Start the HTTP APIs alone, as a client of a gRPC server; SIGTERM or Ctrl-C drains and stops them.

    Keys are checked by that server; as it might ask for none, the port opens beyond loopback only with tls_client_ca or
    insecure. Settings of the HTTP port (http_..., tls_..., image_max_bytes) hold here.

    Example: `ktp-ocr gateway --target ocr.internal:50051 --ca ca.pem --http-address 127.0.0.1:8080`
    """
    from ktp_server.gateway.life import serve_gateway
    from ktp_server.gateway.upstream import Target

    configuration = make_configuration(config, assignments, {"http_address": http_address})
    settings = configuration.settings
    if settings.http_address == NOWHERE:
        fail("http_address is `none`: there is nothing to serve")
    endpoint = make_endpoint(target, (ca, certificate, key), prefix="--")
    begin_log(configuration)
    run_or_exit(serve_gateway(settings, Target(endpoint)))
