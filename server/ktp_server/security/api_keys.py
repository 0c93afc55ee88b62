"""API keys: what a caller shows, and what is kept of it.

A key is `NAME.SECRET`; the name finds its line in the key file, the secret proves that the caller is meant. The file
keeps

    name:blake2b$SALT$HASH          salt and hash in hexadecimal digits
    name:blake2b$SALT$HASH:2.5      the same with a rate of its own, images a second

A secret is 256 random bits of the system's generator. Nobody can try 2^256 of them, however fast the hash is: the slow
hashes that passwords need (scrypt, Argon2) would add nothing but tens of milliseconds to each call, which any stranger
could make the server spend. One salted BLAKE2b takes about a microsecond, and the file gives no key away.
Source: RFC 7693 (BLAKE2); NIST SP 800-63B, 5.1.2.2 (look-up secrets of 112 bits and more need no slow hash).
"""

import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from ktp_server.security.errors import SecurityError

__all__ = ["ApiKey", "KeySet", "make_api_key", "parse_key_lines"]

SECRET_BYTES = 32
SALT_BYTES = hashlib.blake2b.SALT_SIZE
DIGEST_BYTES = 32
PURPOSE = b"ktp-ocr-api-key"
"""BLAKE2's personalisation: the same bytes hashed for another purpose give another hash."""
PRESENTED_LENGTH_MAX = 256
"""Longer texts are no keys of ours, and are not hashed."""
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
LINE_PATTERN = re.compile(
    rf"(?P<name>{NAME_PATTERN.pattern}):(?P<algorithm>[a-z0-9]+)\$(?P<salt>[0-9a-f]{{{2 * SALT_BYTES}}})"
    rf"\$(?P<digest>[0-9a-f]{{{2 * DIGEST_BYTES}}})(:(?P<rate>[0-9]{{1,9}}(\.[0-9]{{1,6}})?))?"
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        name: whose key it is; safe to show and to log.
        salt: random bytes.
        digest: the salted hash of the secret.
        rate_per_s: images a second; None for the server's `rate_limit_per_s`.
    """

    name: str
    salt: bytes
    digest: bytes
    rate_per_s: float | None = None

    def to_line(self) -> str:
        """Write the key file's line, without its end."""
        rate = "" if self.rate_per_s is None else f":{self.rate_per_s:.6f}".rstrip("0").rstrip(".")
        return f"{self.name}:blake2b${self.salt.hex()}${self.digest.hex()}{rate}"


class KeySet:
    """All keys that hold, found by their names."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        """Index the keys.

        Args:
            keys: with names that differ.
        """
        self._keys = {key.name: key for key in keys}

    def find(self, presented: str) -> ApiKey | None:
        """Give the key that a caller shows; None if there is no such key.

        Every attempt takes one hash and one comparison in constant time, whether the name exists or not.
        """
        if len(presented) > PRESENTED_LENGTH_MAX:
            return None
        name, _, secret = presented.partition(".")
        key = self._keys.get(name, _NOBODY)
        is_right = hmac.compare_digest(key.digest, _hash_secret(secret, key.salt))
        return key if is_right and key is not _NOBODY else None


def make_api_key(name: str, rate_per_s: float | None = None) -> tuple[str, ApiKey]:
    """Make a new key.

    Args:
        name: whose; letters, digits, `-` and `_`, at most 64.
        rate_per_s: a rate of its own, up to 999,999,999.

    Returns:
        The text for the caller, which is kept nowhere, and what the key file keeps.

    Raises:
        SecurityError: the name or the rate is of another form.
    """
    if NAME_PATTERN.fullmatch(name) is None:
        raise SecurityError(
            "a key's name is made of letters, digits, - and _, at most 64, and begins with none of the two"
        )
    if rate_per_s is not None and not (math.isfinite(rate_per_s) and 1e-6 <= rate_per_s < 1e9):
        raise SecurityError("a key's rate must be above 0 and below 1,000,000,000 images a second")
    secret, salt = secrets.token_urlsafe(SECRET_BYTES), secrets.token_bytes(SALT_BYTES)
    return f"{name}.{secret}", ApiKey(name, salt, _hash_secret(secret, salt), rate_per_s)


def parse_key_lines(text: str, file: str) -> list[ApiKey]:
    """Read a key file; empty lines and those that begin with `#` are skipped.

    Args:
        text: its content.
        file: its name, for messages.

    Raises:
        SecurityError: a line is of another form, or a name stands twice; the message names the line and quotes nothing.
    """
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE_PATTERN.fullmatch(line.strip())
        if match is None:
            raise SecurityError(f"{file}, line {number}: expected name:blake2b$salt$hash[:rate]")
        if match["algorithm"] != "blake2b":
            raise SecurityError(f"{file}, line {number}: the algorithm must be blake2b")
        if match["name"] in keys:
            raise SecurityError(f"{file}, line {number}: the name {match['name']} stands twice")
        rate_per_s = None if match["rate"] is None else float(match["rate"])
        if rate_per_s == 0.0:
            raise SecurityError(f"{file}, line {number}: the rate must be above 0")
        salt, digest = bytes.fromhex(match["salt"]), bytes.fromhex(match["digest"])
        keys[match["name"]] = ApiKey(match["name"], salt, digest, rate_per_s)
    return list(keys.values())


def _hash_secret(secret: str, salt: bytes) -> bytes:
    data = secret.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES, salt=salt, person=PURPOSE).digest()


_NOBODY = ApiKey("", secrets.token_bytes(SALT_BYTES), secrets.token_bytes(DIGEST_BYTES))
"""Stands for names that do not exist, so that they cost as much as those that do."""
