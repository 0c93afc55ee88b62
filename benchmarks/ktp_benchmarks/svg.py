"""Lines and words of a picture in SVG."""

from xml.sax.saxutils import escape

__all__ = ["FONT", "draw_line", "draw_text"]

FONT = 'font-family="sans-serif" font-size="11"'


def draw_line(points: list[tuple[float, float]], colour: str, width: float, dashes: str = "none") -> str:
    """A line through points in pixels."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"/>'
    )


def draw_text(at: tuple[float, float], text: str, colour: str) -> str:
    """Words whose baseline begins at a point in pixels."""
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" fill="{colour}">{escape(text)}</text>'
