"""Draw the curves of a model's trainings, one after the other: losses, and the figures on held-out specimens.

python training/draw_curves.py TITLE OUT.png WORK_DIR [WORK_DIR ...] --figures card/iou card/false_in_empty
"""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("title")
    parser.add_argument("out", type=Path)
    parser.add_argument("work_dirs", nargs="+", type=Path, help="work folders of the trainings, in order")
    parser.add_argument("--figures", nargs="+", required=True, help="validation figures, as the log names them")
    parser.add_argument("--lowest", type=float, default=0.0, help="lower end of the figures' axis")
    arguments = parser.parse_args()
    steps, losses, figures, starts = _read_runs(arguments.work_dirs, arguments.figures)
    drawing = Figure(figsize=(9, 3), dpi=80, layout="constrained")
    left, right = drawing.subplots(1, 2)
    left.plot(steps, losses, linewidth=1)
    left.set(title=f"{arguments.title}: loss", xlabel="step", yscale="log")
    for name, points in figures.items():
        right.plot([step for step, _ in points], [value for _, value in points], marker=".", linewidth=1, label=name)
    right.set(title="held-out specimens", xlabel="step", ylim=(arguments.lowest, 1.0))
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        for start in starts[1:]:
            axes.axvline(start, color="grey", linewidth=0.8, linestyle=":")
    drawing.savefig(arguments.out)


def _read_runs(
    work_dirs: list[Path], names: list[str]
) -> tuple[list[int], list[float], dict[str, list[tuple[int, float]]], list[int]]:
    """Steps and losses, the figures by name, and where each training starts."""
    steps: list[int] = []
    losses: list[float] = []
    figures: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    starts, start = [], 0
    for work_dir in work_dirs:
        starts.append(start)
        last = 0
        # A training that was resumed has a log for each time it ran.
        for log in sorted(work_dir.glob("*/vis_data/scalars.json")):
            for line in log.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                # Validations are logged without a step of their own: right after that of the training.
                step = int(entry["step"]) if "loss" in entry else last
                last = max(last, step)
                if "loss" in entry:
                    steps.append(start + step)
                    losses.append(float(entry["loss"]))
                for name in names:
                    if name in entry:
                        figures[name].append((start + step, float(entry[name])))
        start += last
    return steps, losses, figures, starts


if __name__ == "__main__":
    main()
