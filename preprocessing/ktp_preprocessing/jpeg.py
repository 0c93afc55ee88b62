"""JPEG structure: what a file declares, and a clean stream with only what its pixels need.

What a decoder would not notice or would allow is checked here: scans that are missing as a whole, restart markers that
leave a gap, scans without end, processes that nobody decodes.
Source: ITU-T T.81, annex B.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.errors import ImageCorrupt, ImageFormatUnsupported
from ktp_preprocessing.exif import ExifFacts, read_exif

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI, _DNL = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xDC
_APP0, _APP1, _APP14 = 0xE0, 0xE1, 0xEE
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_SEQUENTIAL_FRAMES = frozenset({0xC0, 0xC1})
_PROGRESSIVE_FRAME = 0xC2
_KEPT_MARKERS = frozenset({_APP0, _APP14, _DQT, _DHT, _DRI, _SOS}) | _FRAME_MARKERS
_RESTART_MARKERS = frozenset(range(0xD0, 0xD8))

MAX_SCAN_COUNT = 32
"""Scans of a progressive file. Encoders write at most about 20; each further one costs a pass over all pixels."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What a JPEG file declares before its first scan.

    Attributes:
        width_px: columns as stored.
        height_px: rows as stored.
        component_ids: one identifier per component: 1 (grey), 3 (colour) or 4 (CMYK, YCCK) of them.
        progressive: more than one pass over the pixels.
        luminance_table: 64 quantisation steps of the first component in zigzag order, or None where it comes late.
        exif: what its EXIF block says.
        inks_are_inverted: whether an Adobe marker says that four components tell light instead of ink.
    """

    width_px: int
    height_px: int
    component_ids: tuple[int, ...]
    progressive: bool
    luminance_table: tuple[int, ...] | None
    exif: ExifFacts
    inks_are_inverted: bool


@dataclass(slots=True)
class _Found:
    """What the walk over the segments has seen so far."""

    frame: tuple[int, bytes] | None = None
    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    exif: ExifFacts = field(default_factory=ExifFacts)
    has_adobe_marker: bool = False


@dataclass(frozen=True, slots=True)
class _Marks:
    """Where a file holds markers, or bytes that look like them: ascending positions of their 0xFF."""

    data: bytes
    restarts: NDArray[np.intp]
    others: NDArray[np.intp]


class _Coverage:
    """Which coefficients the scans have delivered, and to which bit (T.81, G.1.1.1).

    A progressive file cut off and closed with an end marker would pass for whole: later scans only refine. So every
    coefficient of every component must have arrived down to its last bit, as every encoder writes it.
    """

    def __init__(self, header: JpegHeader) -> None:
        self._progressive = header.progressive
        self._missing_bits = {identifier: [1] * 64 for identifier in header.component_ids}

    def note_scan(self, payload: bytes) -> None:
        """Take in one scan header."""
        count = payload[0] if payload else 0
        if not 1 <= count <= 4 or len(payload) != 4 + 2 * count:
            raise ImageCorrupt("the JPEG file has a damaged scan header")
        first, last, approximation = payload[1 + 2 * count :]
        low_bit = approximation & 15
        if not self._progressive:
            first, last, low_bit = 0, 63, 0
        if first > last or last > 63:
            raise ImageCorrupt("the JPEG file has a damaged scan header")
        for identifier in payload[1 : 1 + 2 * count : 2]:
            if identifier not in self._missing_bits:
                raise ImageCorrupt("the JPEG file has a damaged scan header")
            self._missing_bits[identifier][first : last + 1] = [low_bit] * (last - first + 1)

    def is_complete(self) -> bool:
        """Tell whether nothing is missing."""
        return not any(bits for component in self._missing_bits.values() for bits in component)


def read_header(data: bytes) -> JpegHeader:
    """Read a JPEG file's header, up to its first scan.

    Args:
        data: the file, starting with the SOI marker.

    Returns:
        What it declares. Nothing is decoded.

    Raises:
        ImageFormatUnsupported: a process nobody decodes here: arithmetic, lossless, hierarchical, 12 bits.
        ImageCorrupt: no frame header, or the file ends before the first scan.
    """
    found = _Found()
    position = 2
    while True:
        marker, start, stop = _next_segment(data, position)
        position = stop
        if marker == _SOS:
            break
        if marker == _EOI:
            raise ImageCorrupt("the JPEG file holds no picture")
        _note_segment(found, marker, data[start:stop])
    if found.frame is None:
        raise ImageCorrupt("the JPEG file has no frame header")
    return _header_from_frame(found)


def clean_stream(data: bytes, header: JpegHeader) -> bytes:
    """Rebuild a JPEG file from the segments its pixels need.

    Metadata, embedded previews, profiles and whatever follows the picture are left out.

    Args:
        data: the file.
        header: its header.

    Returns:
        The stream to decode.

    Raises:
        ImageCorrupt: the file ends before its end marker, or restart markers are missing.
        ImageFormatUnsupported: more scans than any encoder writes.
    """
    parts = [b"\xff\xd8"]
    coverage = _Coverage(header)
    marks = _find_marks(data)
    scan_count, restart_interval, position = 0, 0, 2
    while True:
        marker, start, stop = _next_segment(data, position)
        position = stop
        if marker == _EOI:
            break
        if marker in _KEPT_MARKERS:
            parts += [bytes((0xFF, marker)), struct.pack(">H", stop - start + 2), data[start:stop]]
        if marker == _DRI and stop - start >= 2:
            (restart_interval,) = struct.unpack_from(">H", data, start)
        if marker != _SOS:
            continue
        scan_count += 1
        if scan_count > MAX_SCAN_COUNT:
            raise ImageFormatUnsupported(f"the JPEG file has more than {MAX_SCAN_COUNT} scans")
        coverage.note_scan(data[start:stop])
        position = _scan_end(marks, stop)
        if restart_interval:
            _check_restarts(marks, stop, position)
        parts.append(data[stop:position])
    if not coverage.is_complete():
        raise ImageCorrupt("the JPEG file lacks a part of its data")
    return b"".join([*parts, b"\xff\xd9"])


def _next_segment(data: bytes, position: int) -> tuple[int, int, int]:
    """Find the next marker at or after `position`: its code and the bounds of its payload."""
    start = data.find(b"\xff", position)
    while 0 <= start < len(data) - 1 and data[start + 1] in (0x00, 0xFF):
        start = data.find(b"\xff", start + 1)
    if start < 0 or start + 2 > len(data):
        raise ImageCorrupt("the JPEG file is truncated")
    marker = data[start + 1]
    payload = start + 2
    if marker in (_EOI, _SOI, 0x01) or marker in _RESTART_MARKERS:
        return marker, payload, payload
    if payload + 2 > len(data):
        raise ImageCorrupt("the JPEG file is truncated")
    (length,) = struct.unpack_from(">H", data, payload)
    if length < 2:
        raise ImageCorrupt("the JPEG file has a damaged segment")
    if payload + length > len(data):
        raise ImageCorrupt("the JPEG file is truncated")
    return marker, payload + 2, payload + length


def _note_segment(found: _Found, marker: int, payload: bytes) -> None:
    """Keep what a header segment says."""
    if marker in _FRAME_MARKERS:
        if found.frame is not None:
            raise ImageCorrupt("the JPEG file has two frame headers")
        found.frame = (marker, payload)
    elif marker == _DQT:
        found.tables.update(_quantisation_tables(payload))
    elif marker == _APP1 and payload.startswith(b"Exif\0"):
        found.exif = read_exif(payload[6:])
    elif marker == _APP14 and payload.startswith(b"Adobe"):
        found.has_adobe_marker = True


def _header_from_frame(found: _Found) -> JpegHeader:
    """Check the frame header and build the result."""
    if found.frame is None:
        raise ImageCorrupt("the JPEG file has no frame header")
    marker, payload = found.frame
    if marker not in _SEQUENTIAL_FRAMES and marker != _PROGRESSIVE_FRAME:
        kind = "arithmetic-coded" if marker in (0xC9, 0xCA) else "lossless or hierarchical"
        raise ImageFormatUnsupported(f"{kind} JPEG is not supported; send baseline or progressive JPEG")
    if len(payload) < 6:
        raise ImageCorrupt("the JPEG file has a damaged frame header")
    precision_bits, height_px, width_px, component_count = struct.unpack_from(">BHHB", payload)
    if precision_bits != 8:
        raise ImageFormatUnsupported(f"JPEG with {precision_bits} bits per sample is not supported; send 8 bits")
    if component_count not in (1, 3, 4):
        raise ImageFormatUnsupported(f"JPEG with {component_count} components is not supported")
    if len(payload) != 6 + 3 * component_count or width_px == 0 or height_px == 0:
        raise ImageCorrupt("the JPEG file has a damaged frame header")
    return JpegHeader(
        width_px=width_px,
        height_px=height_px,
        component_ids=tuple(payload[6::3]),
        progressive=marker == _PROGRESSIVE_FRAME,
        luminance_table=found.tables.get(payload[8]),
        exif=found.exif,
        inks_are_inverted=found.has_adobe_marker,
    )


def _quantisation_tables(payload: bytes) -> dict[int, tuple[int, ...]]:
    """Read the tables of one DQT segment; a damaged rest is left to the decoder to refuse."""
    tables: dict[int, tuple[int, ...]] = {}
    position = 0
    while position < len(payload):
        precision, identifier = payload[position] >> 4, payload[position] & 15
        layout = ">64H" if precision else "64B"
        if position + 1 + struct.calcsize(layout) > len(payload):
            break
        tables[identifier] = struct.unpack_from(layout, payload, position + 1)
        position += 1 + struct.calcsize(layout)
    return tables


def _find_marks(data: bytes) -> _Marks:
    """Find all markers at once, fill bytes and stuffed zeros left out."""
    values = np.frombuffer(data, dtype=np.uint8)
    places = np.flatnonzero(values[:-1] == 0xFF)
    codes = values[places + 1]
    restarts = (codes & 0xF8) == 0xD0
    return _Marks(data, places[restarts], places[~restarts & (codes != 0x00) & (codes != 0xFF)])


def _scan_end(marks: _Marks, start: int) -> int:
    """Find the marker that ends the entropy-coded data starting at `start`: the first one that is no restart."""
    index = int(np.searchsorted(marks.others, start))
    if index == len(marks.others):
        raise ImageCorrupt("the JPEG file is truncated")
    return int(marks.others[index])


def _check_restarts(marks: _Marks, start: int, stop: int) -> None:
    """Check that the restart markers of a scan count up modulo 8 (T.81, E.1.4): a gap means that data are missing."""
    inside = marks.restarts[np.searchsorted(marks.restarts, start) : np.searchsorted(marks.restarts, stop)]
    numbers = np.frombuffer(marks.data, dtype=np.uint8)[inside + 1] - np.uint8(0xD0)
    if (numbers != np.arange(len(numbers)) % 8).any():
        raise ImageCorrupt("the JPEG file lacks a part of its data")
