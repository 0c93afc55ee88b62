"""The server that a command calls, of the command's flags."""

from pathlib import Path
from typing import TYPE_CHECKING

from ktp_server.cli.options import fail

if TYPE_CHECKING:
    from ktp_server.client import Endpoint

__all__ = ["make_endpoint"]


def make_endpoint(
    target: str, tls: tuple[Path | None, Path | None, Path | None], key_file: Path | None = None, prefix: str = "--tls-"
) -> "Endpoint":
    """Give the server to call, or tell which file is wrong and exit.

    Args:
        target: host:port.
        tls: authorities, own certificate, its private key.
        key_file: holds the API key; None for none.
        prefix: how the command's flags for the three begin: `--tls-` for `--tls-ca`.
    """
    from ktp_server.client import Endpoint

    try:
        api_key = "" if key_file is None else key_file.read_text("ascii").strip()
        endpoint = Endpoint(target, *tls, api_key=api_key)
        endpoint.credentials()
    except UnicodeDecodeError:
        fail(f"--key-file {key_file}: this is no API key")
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    except ValueError as error:
        fail(str(error).replace("tls_", prefix))
    return endpoint
