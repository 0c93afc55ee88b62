"""Figures of engines as a table, and as a picture: throughput over callers."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from ktp_benchmarks.engine_load import Figures
from ktp_benchmarks.svg import FONT, draw_line, draw_text

__all__ = ["print_engine_figures", "write_engine_picture"]

_WIDTH_PX, _HEIGHT_PX, _LEFT_PX, _TOP_PX, _LEGEND_PX = 460, 240, 50, 40, 220
_COLOURS = ("#222", "#1a7f4e", "#1f5fbf", "#c23b22", "#b8860b", "#777")


def print_engine_figures(console: Console, title: str, figures: Sequence[Figures]) -> None:
    """Print one row for each way and number of callers."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    for heading in ("callers", "failed", "a second", "p50 ms", "p95 ms", "CPU ms each", "requests per execution"):
        table.add_column(heading, justify="right")
    for way in dict.fromkeys(figure.way for figure in figures):
        for figure in [each for each in figures if each.way == way]:
            numbers = (figure.rate_per_s, figure.p50_ms, figure.p95_ms, figure.cpu_ms, figure.requests_per_execution)
            table.add_row(
                way,
                str(figure.callers),
                str(figure.failed_count),
                *[f"{number:.1f}" if number else "-" for number in numbers],
            )
        table.add_section()
    console.print(table)


def write_engine_picture(path: Path, figures: Sequence[Figures]) -> None:
    """Write throughput over callers, one line a way, as SVG; the callers' axis doubles from mark to mark."""
    callers = sorted({figure.callers for figure in figures})
    ways = list(dict.fromkeys(figure.way for figure in figures))
    highest = max(figure.rate_per_s for figure in figures) * 1.05

    def place(figure: Figures) -> tuple[float, float]:
        step = callers.index(figure.callers) / max(len(callers) - 1, 1)
        return _LEFT_PX + step * _WIDTH_PX, _TOP_PX + _HEIGHT_PX * (1 - figure.rate_per_s / highest)

    size = f'width="{_LEFT_PX + _WIDTH_PX + _LEGEND_PX}" height="{_TOP_PX + _HEIGHT_PX + 50}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _TOP_PX + _HEIGHT_PX * (1 - share)
        parts.append(draw_line([(_LEFT_PX, y), (_LEFT_PX + _WIDTH_PX, y)], "#ddd", 0.8))
        parts.append(draw_text((12, y + 4), f"{highest * share:.1f}", "#555"))
    for index, count in enumerate(callers):
        x = _LEFT_PX + index / max(len(callers) - 1, 1) * _WIDTH_PX
        parts.append(draw_text((x - 4, _TOP_PX + _HEIGHT_PX + 16), str(count), "#555"))
    parts.append(draw_text((_LEFT_PX, 20), "cards a second", "#222"))
    parts.append(draw_text((_LEFT_PX + _WIDTH_PX / 2 - 30, _TOP_PX + _HEIGHT_PX + 36), "callers", "#222"))
    for number, way in enumerate(ways):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(draw_line([place(figure) for figure in figures if figure.way == way], colour, 2.0))
        parts.append(draw_text((_LEFT_PX + _WIDTH_PX + 16, _TOP_PX + 16 * number + 10), way, colour))
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")
