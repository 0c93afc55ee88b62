"""Faulty certificates stop the start with a sentence that says what is wrong."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from ktp_server.security.errors import SecurityError
from ktp_server.security.tls import ServerTls, TlsFiles, check_tls_files
from tests.certificates import DAY, Authority, Pair, encrypt_key

AUTHORITY = Authority()
PAIR = AUTHORITY.issue()


def write_files(folder: Path, pair: Pair, client_ca: bytes | None = None) -> TlsFiles:
    certificate, key = pair.write(folder, "server")
    if client_ca is None:
        return TlsFiles(certificate, key)
    (folder / "clients.pem").write_bytes(client_ca)
    return TlsFiles(certificate, key, folder / "clients.pem")


@pytest.mark.parametrize(
    "pair",
    [PAIR, AUTHORITY.pair, Pair(PAIR.certificate + AUTHORITY.pair.certificate, PAIR.key)],
    ids=["leaf", "self-signed", "chain"],
)
def test_a_pair_that_works(tmp_path: Path, pair: Pair) -> None:
    check_tls_files(write_files(tmp_path, pair, AUTHORITY.pair.certificate))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            Pair(PAIR.certificate, AUTHORITY.issue().key),
            r"tls_key .*server\.key does not belong to tls_certificate .*server",
        ),
        (AUTHORITY.issue(end=-DAY), r"tls_certificate .*server\.pem: certificate has expired"),
        (Pair(b"nothing", PAIR.key), r"tls_certificate .*server\.pem holds no PEM certificate"),
        (Pair(PAIR.key, PAIR.key), r"tls_certificate .*server\.pem holds no PEM certificate"),
        (Pair(PAIR.certificate, b"nothing"), r"tls_key .*server\.key holds no PEM private key"),
        (Pair(PAIR.certificate, PAIR.certificate), r"tls_key .*server\.key holds no PEM private key"),
        (encrypt_key(PAIR), r"tls_key .*server\.key is protected by a passphrase"),
    ],
    ids=[
        "foreign key",
        "expired",
        "no certificate",
        "key as certificate",
        "no key",
        "certificate as key",
        "passphrase",
    ],
)
def test_a_faulty_pair_is_explained(tmp_path: Path, pair: Pair, message: str) -> None:
    with pytest.raises(SecurityError, match=message):
        check_tls_files(write_files(tmp_path, pair))


@pytest.mark.parametrize(
    ("client_ca", "message"),
    [
        (b"", "holds no PEM certificate"),
        (PAIR.certificate, "holds no certificate of an authority"),
        (Authority(end=-DAY).pair.certificate, "certificate has expired"),
    ],
)
def test_a_faulty_authority_is_explained(tmp_path: Path, client_ca: bytes, message: str) -> None:
    with pytest.raises(SecurityError, match=rf"tls_client_ca .*clients\.pem:? {message}"):
        check_tls_files(write_files(tmp_path, PAIR, client_ca))


def test_one_authority_of_several_may_have_ended(tmp_path: Path) -> None:
    both = Authority(end=-DAY).pair.certificate + AUTHORITY.pair.certificate
    check_tls_files(write_files(tmp_path, PAIR, both))


@pytest.mark.parametrize("missing", ["certificate", "key", "client_ca"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    files = write_files(tmp_path, PAIR, AUTHORITY.pair.certificate)
    path: Path = getattr(files, missing)
    path.unlink()
    with pytest.raises(SecurityError, match=rf"tls_{missing} .*{path.name} cannot be read: No such file"):
        ServerTls(files)


def test_a_faulty_exchange_is_logged_and_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = write_files(tmp_path, PAIR)
    tls = ServerTls(files)
    files.certificate.write_bytes(Authority().issue(end=timedelta(days=5)).certificate)
    with caplog.at_level(logging.INFO):
        tls.reload()
        assert "the certificates stay as they were: tls_key" in caplog.text
        PAIR.write(tmp_path, "server")
        tls.reload()
    assert "certificates read anew" in caplog.text
