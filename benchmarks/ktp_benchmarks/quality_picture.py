"""The curves of the ladders as a picture: how reading falls with each degradation, and where its check says no."""

from collections.abc import Mapping
from pathlib import Path

from ktp_benchmarks.ladders import LADDERS, Ladder
from ktp_benchmarks.quality_curves import GOOD_SHARE, Curve
from ktp_benchmarks.svg import FONT, draw_line, draw_text

__all__ = ["write_picture"]

_COLUMN_COUNT = 3
_PANEL_PX, _GAP_PX, _TOP_PX = (230, 130), (70, 84), 56
_READ_COLOUR, _FAILED_COLOUR, _LINE_COLOUR = "#1a7f4e", "#c23b22", "#999"
_GRID_SHARES = (0.0, 0.5, 1.0)


def write_picture(path: Path, curves: Mapping[str, Curve]) -> None:
    """Write the curves, one panel a ladder, as SVG.

    Args:
        path: the file.
        curves: by the ladder's name.
    """
    row_count = -(-len(LADDERS) // _COLUMN_COUNT)
    width, height = _COLUMN_COUNT * (_PANEL_PX[0] + _GAP_PX[0]), _TOP_PX + row_count * (_PANEL_PX[1] + _GAP_PX[1])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {FONT}>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        draw_text((40, 20), f"fields still read (dotted: {GOOD_SHARE:.0%})", _READ_COLOUR),
        draw_text((300, 20), "pictures that the check fails", _FAILED_COLOUR),
    ]
    for number, ladder in enumerate(LADDERS):
        row, column = divmod(number, _COLUMN_COUNT)
        left, top = 40 + column * (_PANEL_PX[0] + _GAP_PX[0]), _TOP_PX + row * (_PANEL_PX[1] + _GAP_PX[1])
        parts += [f'<g transform="translate({left} {top})">', *_panel(ladder, curves[ladder.name]), "</g>"]
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def _panel(ladder: Ladder, curve: Curve) -> list[str]:
    width, height = _PANEL_PX
    parts = [draw_text((0, -8), f"{ladder.name} → {ladder.attribute}", "#222")]
    for share in _GRID_SHARES:
        y = height * (1 - share)
        parts.append(draw_line([(0, y), (width, y)], _LINE_COLOUR, 0.5))
        parts.append(draw_text((-28, y + 4), f"{share:.0%}", "#555"))
    y = height * (1 - GOOD_SHARE)
    parts.append(draw_line([(0, y), (width, y)], _READ_COLOUR, 0.7, dashes="2 3"))
    last = curve.strengths[-1]
    parts += [draw_text((width * s / last - 4, height + 15), f"{s:g}", "#555") for s in curve.strengths]
    parts.append(draw_text((width / 2 - 30, height + 30), ladder.unit, "#555"))
    for shares, colour in ((curve.exact_shares, _READ_COLOUR), (curve.failed_shares, _FAILED_COLOUR)):
        points = [(width * s / last, height * (1 - v)) for s, v in zip(curve.strengths, shares, strict=True)]
        parts.append(draw_line(points, colour, 2.0))
    return parts
