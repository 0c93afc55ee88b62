"""Numbers held against what is asked of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from ktp_benchmarks.measures import Target

__all__ = ["Check", "at_least", "at_most", "checks_to_json", "print_checks"]


@dataclass(frozen=True, slots=True)
class Check:
    """A number with its unit and, if anything is asked of it, its target."""

    name: str
    value: float
    unit: str
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.target.met_by(self.value)


def at_most(bound: float) -> Target:
    """A target that must not be exceeded."""
    return Target(bound, at_least=False)


def at_least(bound: float) -> Target:
    """A target that must be reached."""
    return Target(bound, at_least=True)


def print_checks(console: Console, title: str, checks: Sequence[Check]) -> None:
    """Print one row a number: measured, target, verdict."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("", "measured", "target", " "):
        table.add_column(heading, justify="right" if heading in ("measured", "target") else "left")
    for check in checks:
        verdict = {None: "", True: "[green]met[/]", False: "[red]NOT MET[/]"}[check.met]
        table.add_row(check.name, f"{check.value:.3g} {check.unit}", _bound(check), verdict)
    console.print(table)


def checks_to_json(checks: Sequence[Check]) -> list[Mapping[str, object]]:
    """Give numbers as plain values."""
    return [
        {
            "name": check.name,
            "value": round(check.value, 4),
            "unit": check.unit,
            "target": None if check.target is None else check.target.bound,
            "met": check.met,
        }
        for check in checks
    ]


def _bound(check: Check) -> str:
    if check.target is None:
        return ""
    return f"{'≥' if check.target.at_least else '≤'} {check.target.bound:g} {check.unit}".rstrip()
