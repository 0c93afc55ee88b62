"""Finds the fonts that specimens are printed with.

`STANDARD` draws the deterministic sandbox: two small Debian packages suffice. `WIDE` adds substitutes of Arial and of
OCR-A in other weights and widths; it is for training sets, so that the models do not learn one foundry's shapes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

FONT_ROOTS = (Path("/usr/share/fonts"), Path("/usr/share/texmf/fonts"), Path("/usr/local/share/fonts"))


class FontMissing(Exception):
    """A font file is not installed; the message names the Debian package that carries it."""


@dataclass(frozen=True, slots=True)
class FontSet:
    """File names of fonts by their role, each with the Debian package that installs it.

    Attributes:
        text: proportional fonts for labels and values.
        header: fonts for the two header lines.
        nik: fonts for the NIK's digits.
    """

    text: tuple[tuple[str, str], ...]
    header: tuple[tuple[str, str], ...]
    nik: tuple[tuple[str, str], ...]


_LIBERATION = "fonts-liberation"
STANDARD = FontSet(
    text=(("LiberationSans-Regular.ttf", _LIBERATION),),
    header=(("LiberationSans-Regular.ttf", _LIBERATION), ("LiberationSans-Bold.ttf", _LIBERATION)),
    nik=(("OCRA.ttf", "fonts-ocr-a"),),
)
WIDE = FontSet(
    text=(
        *STANDARD.text * 6,
        ("LiberationSans-Bold.ttf", _LIBERATION),
        ("LiberationSansNarrow-Regular.ttf", _LIBERATION),
        ("LiberationSansNarrow-Bold.ttf", _LIBERATION),
        *(("Arimo-Regular.ttf", "fonts-croscore"),) * 2,
        ("Arimo-Bold.ttf", "fonts-croscore"),
        *(("FreeSans.ttf", "fonts-freefont-ttf"),) * 2,
        ("FreeSansBold.ttf", "fonts-freefont-ttf"),
        *(("NimbusSans-Regular.otf", "fonts-urw-base35"),) * 2,
        ("NimbusSans-Bold.otf", "fonts-urw-base35"),
        ("NimbusSansNarrow-Regular.otf", "fonts-urw-base35"),
        ("NimbusSansNarrow-Bold.otf", "fonts-urw-base35"),
        ("URWGothic-Book.otf", "fonts-urw-base35"),
        *(("texgyreheros-regular.otf", "fonts-texgyre"),) * 2,
        ("texgyreheros-bold.otf", "fonts-texgyre"),
        ("texgyreheroscn-regular.otf", "fonts-texgyre"),
        ("texgyreheroscn-bold.otf", "fonts-texgyre"),
        *(("DejaVuSans.ttf", "fonts-dejavu"),) * 2,
        ("DejaVuSans-Bold.ttf", "fonts-dejavu"),
        ("DejaVuSansCondensed.ttf", "fonts-dejavu"),
        ("DejaVuSansCondensed-Bold.ttf", "fonts-dejavu"),
        ("DejaVuSansMono.ttf", "fonts-dejavu"),
        ("Roboto-Light.ttf", "fonts-roboto"),
        ("Roboto-Regular.ttf", "fonts-roboto"),
        ("Roboto-Medium.ttf", "fonts-roboto"),
        ("Roboto-Bold.ttf", "fonts-roboto"),
        ("RobotoCondensed-Regular.ttf", "fonts-roboto"),
        ("RobotoCondensed-Bold.ttf", "fonts-roboto"),
        ("OpenSans-Regular.ttf", "fonts-open-sans"),
        ("OpenSans-Semibold.ttf", "fonts-open-sans"),
        ("OpenSans-CondBold.ttf", "fonts-open-sans"),
        ("Lato-Regular.ttf", "fonts-lato"),
        ("Lato-Bold.ttf", "fonts-lato"),
        ("NotoSans-Regular.ttf", "fonts-noto-core"),
        ("NotoSans-Bold.ttf", "fonts-noto-core"),
        ("LiberationSerif-Regular.ttf", _LIBERATION),
        ("LiberationMono-Regular.ttf", _LIBERATION),
    ),
    header=(
        *STANDARD.header * 4,
        ("Arimo-Bold.ttf", "fonts-croscore"),
        ("FreeSansBold.ttf", "fonts-freefont-ttf"),
        ("NimbusSans-Bold.otf", "fonts-urw-base35"),
        ("NimbusSansNarrow-Bold.otf", "fonts-urw-base35"),
        ("texgyreheros-bold.otf", "fonts-texgyre"),
        ("DejaVuSans.ttf", "fonts-dejavu"),
        ("DejaVuSans-Bold.ttf", "fonts-dejavu"),
        ("Roboto-Medium.ttf", "fonts-roboto"),
        ("RobotoCondensed-Bold.ttf", "fonts-roboto"),
        ("OpenSans-Bold.ttf", "fonts-open-sans"),
        ("Lato-Bold.ttf", "fonts-lato"),
        ("NotoSans-Bold.ttf", "fonts-noto-core"),
    ),
    nik=(
        *STANDARD.nik * 12,
        *(("OCRABold.ttf", "fonts-ocr-a"),) * 4,
        *(("OCRACondensed.ttf", "fonts-ocr-a"),) * 2,
        ("LiberationMono-Regular.ttf", _LIBERATION),
        ("LiberationMono-Bold.ttf", _LIBERATION),
        ("LiberationSans-Regular.ttf", _LIBERATION),
        ("LiberationSans-Bold.ttf", _LIBERATION),
        ("Cousine-Regular.ttf", "fonts-croscore"),
        ("Cousine-Bold.ttf", "fonts-croscore"),
        ("DejaVuSansMono.ttf", "fonts-dejavu"),
        ("DejaVuSansMono-Bold.ttf", "fonts-dejavu"),
        ("FreeMonoBold.ttf", "fonts-freefont-ttf"),
        ("Roboto-Medium.ttf", "fonts-roboto"),
        ("DejaVuSans-Bold.ttf", "fonts-dejavu"),
    ),
)


def check_fonts(fonts: FontSet) -> None:
    """Make sure that every font of a set is installed.

    Raises:
        FontMissing: names all the Debian packages to install, in one message.
    """
    wanted = {*fonts.text, *fonts.header, *fonts.nik}
    missing = sorted({package for name, package in wanted if name not in _font_paths()})
    if missing:
        raise FontMissing(
            f"fonts for specimens are missing: install the Debian packages with `apt-get install {' '.join(missing)}`"
        )


@lru_cache(maxsize=4096)
def load_font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Open a font by file name at a size (em, in pixels).

    Raises:
        FontMissing: the file is in none of `FONT_ROOTS`.
    """
    path = _font_paths().get(name)
    if path is None:
        raise FontMissing(f"font {name} is missing: see `check_fonts` for the package that carries it")
    return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1)
def _font_paths() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root in FONT_ROOTS:
        for path in sorted(root.rglob("*.[to]tf")):
            found.setdefault(path.name, path)
    return found
