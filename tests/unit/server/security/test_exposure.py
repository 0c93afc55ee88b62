"""Which addresses strangers could reach."""

import pytest

from ktp_server.security.errors import SecurityError
from ktp_server.security.exposure import check_exposure, is_local


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:1", "127.9.9.9:0", "[::1]:50051", "localhost:1", "LOCALHOST:1", "unix:/run/a", "unix-abstract:a"],
)
def test_local(address: str) -> None:
    assert is_local(address)
    check_exposure("listen_address", address, knows_callers=False, insecure=False)


@pytest.mark.parametrize(
    "address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "localhost.example.org:1", "*:1", "128.0.0.1:1"]
)
def test_open(address: str) -> None:
    assert not is_local(address)
    with pytest.raises(SecurityError, match=r"http_address .* is open to the network.*ktp-ocr keys add.*--insecure"):
        check_exposure("http_address", address, knows_callers=False, insecure=False)
    check_exposure("http_address", address, knows_callers=True, insecure=False)
    check_exposure("http_address", address, knows_callers=False, insecure=True)
