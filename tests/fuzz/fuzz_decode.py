"""Fuzzes the decoder's entry, guided by the coverage of its Python code; `make fuzz` runs it.

    python tests/fuzz/fuzz_decode.py CORPUS [-max_total_time=600]

The corpus grows; a finding is written beside it and stops the run.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # only in the environment of `make fuzz`

with atheris.instrument_imports(include=["ktp_preprocessing"]):
    from ktp_preprocessing.decode import DecodeLimits, decode_image
    from ktp_preprocessing.errors import ImageError

from tests.unit.preprocessing.hostile_files import hostile_files

LIMITS = DecodeLimits(max_bytes=100_000, min_short_px=1, min_long_px=1, below_short_px=700, below_long_px=700)


def decode_anything(data: bytes) -> None:
    """Decode, or refuse with an image error; anything else is a finding."""
    try:
        pixels = decode_image(data, LIMITS).pixels
    except ImageError:
        return
    if pixels.ndim != 3 or pixels.shape[2] != 3 or max(pixels.shape) >= 700 or not pixels.flags.c_contiguous:
        raise AssertionError(f"{pixels.shape} {pixels.dtype}")


def main() -> None:
    """Fill an empty corpus with the hostile files, then fuzz."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for item in hostile_files():
        if len(item.data) <= LIMITS.max_bytes:
            (corpus / item.name.replace(" ", "-").replace("/", "-")).write_bytes(item.data)
    arguments = [sys.argv[0], str(corpus), f"-artifact_prefix={corpus.parent}/", *sys.argv[2:]]
    atheris.Setup(arguments, decode_anything)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
