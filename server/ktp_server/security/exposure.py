"""A server that does not know its callers stays on its own machine, unless someone says otherwise."""

import ipaddress

from ktp_server.security.errors import SecurityError

__all__ = ["check_exposure", "is_local"]


def is_local(address: str) -> bool:
    """Tell whether an address can be reached from this machine only.

    Args:
        address: host:port, `unix:PATH` or `unix-abstract:NAME`. A name other than localhost counts as reachable: what
            it resolves to is not ours to say.
    """
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_exposure(setting: str, address: str, *, knows_callers: bool, insecure: bool) -> None:
    """Refuse to serve strangers by accident.

    Args:
        setting: name of the address's setting.
        address: where the server will listen.
        knows_callers: whether callers must show an API key, or a certificate.
        insecure: whether to serve anybody was asked for.

    Raises:
        SecurityError: the address is open to the network, and nothing tells callers apart.
    """
    if is_local(address) or knows_callers or insecure:
        return
    raise SecurityError(
        f"{setting} {address} is open to the network, but no caller has to show who it is. Make a key with "
        "`ktp-ocr keys add NAME --file keys.txt` and serve with --api-keys keys.txt, or serve on 127.0.0.1, or "
        "add --insecure if whatever stands in front of this port checks callers."
    )
