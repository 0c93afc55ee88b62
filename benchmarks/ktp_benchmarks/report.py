"""Figures as tables for people and as JSON for the record."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from ktp_benchmarks.measures import ALL, Figure
from ktp_benchmarks.statistics import Estimate

PLAIN_WIDTH = 130


def open_console() -> Console:
    """A console for tables that are not to be squeezed where the output is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def print_figures(console: Console, figures: Sequence[Figure]) -> None:
    """Print a table a section: value and 95 % interval beside the target, and whether it is met.

    `met` and `NOT MET` go by the value; a `?` behind it says that the interval reaches across the target, so that a
    larger set might say otherwise.
    """
    for section, members in groupby(figures, key=lambda figure: figure.section):
        table = Table(title=section.capitalize(), title_justify="left", box=box.SIMPLE_HEAD)
        for heading in ("", "stratum"):
            table.add_column(heading)
        for heading in ("n", "measured", "95 % interval", "target"):
            table.add_column(heading, justify="right")
        table.add_column("")
        last = ""
        for figure in members:
            new = figure.name != last
            if new and last:
                table.add_section()
            last = figure.name
            table.add_row(figure.name if new else "", figure.stratum, *_cells(figure))
        console.print(table)


def print_fields(console: Console, figures: Sequence[Figure]) -> None:
    """Print one row a field: exact by stratum, and its calibration error."""
    exact = [figure for figure in figures if figure.section == "field exact"]
    strata = list(dict.fromkeys(figure.stratum for figure in exact if figure.stratum != ALL))
    table = Table(title="Legible fields exact, and calibration error", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    for heading in (*strata, ALL, "95 % interval", "calibration error", ""):
        table.add_column(heading, justify="right")
    errors = {figure.name: figure for figure in figures if figure.section == "field calibration error"}
    for name in dict.fromkeys(figure.name for figure in exact):
        row = {figure.stratum: figure for figure in exact if figure.name == name}
        cells = [_number(row[s].estimate.value, "%") if s in row else "-" for s in (*strata, ALL)]
        interval = _interval(row[ALL].estimate, "%")
        error = errors.get(name)
        last = ("-", "") if error is None else (_number(error.estimate.value, ""), _verdict(error))
        table.add_row(name, *cells, interval, *last)
    console.print(table)


def figures_to_json(figures: Sequence[Figure]) -> list[Mapping[str, object]]:
    """Give figures as plain values; shares stay in [0, 1]."""
    return [
        {
            "section": figure.section,
            "name": figure.name,
            "stratum": figure.stratum,
            "value": round(figure.estimate.value, 6),
            "interval": [round(figure.estimate.low, 6), round(figure.estimate.high, 6)],
            "count": figure.estimate.count,
            "target": None if figure.target is None else figure.target.bound,
            "met": figure.met,
        }
        for figure in figures
    ]


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    estimate, unit = figure.estimate, figure.unit
    target = ""
    if figure.target is not None:
        target = ("≥ " if figure.target.at_least else "≤ ") + _number(figure.target.bound, unit)
    value = _number(estimate.value, unit) + (f" {unit}" if len(unit) > 1 else "")
    return str(estimate.count), value, _interval(estimate, unit), target, _verdict(figure)


def _verdict(figure: Figure) -> str:
    if figure.met is None:
        return ""
    doubt = "" if figure.certain else " ?"
    return f"[green]met{doubt}[/]" if figure.met else f"[red]NOT MET{doubt}[/]"


def _interval(estimate: Estimate, unit: str) -> str:
    return f"{_number(estimate.low, unit)} – {_number(estimate.high, unit)}"


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.2f} %" if unit == "%" else f"{value:.4f}" if unit == "" else f"{value:.3f}"
