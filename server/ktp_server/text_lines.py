"""Lines of text from any OCR, as JSON: the input of `ktp-ocr fields`.

    LinesError ─ the document cannot be used; the message names the place in it and quotes nothing

    {"lines": [{"text": "NIK", "quad": [[35, 102], [60, 102], [60, 114], [35, 114]], "confidence": 0.98}, ...]}

or the bare list. A quad's corners go clockwise from the text's own top left, in pixels of a picture in which the card
is upright; the confidence, [0, 1], may be left out. Other members are ignored, so that the `lines` of an answer of this
server and the output of most OCR programs need few changes.
"""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ktp_postprocessing.lines import TextLine

__all__ = ["LinesError", "parse_lines"]

DEFAULT_CONFIDENCE = 0.9
"""Of a line that brings none: good, but not beyond correction."""

MAX_LINE_COUNT = 2000
"""A card has about 40; a document far beyond is not one card's."""


class LinesError(Exception):
    """The document cannot be used."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


Point = tuple[float, float]


class _Line(_Strict):
    text: Annotated[str, Field(max_length=1000)]
    quad: tuple[Point, Point, Point, Point]
    confidence: Annotated[float, Field(ge=0.0, le=1.0)] = DEFAULT_CONFIDENCE


class _Document(_Strict):
    lines: Annotated[list[_Line], Field(max_length=MAX_LINE_COUNT)]


_BARE_LIST = TypeAdapter(Annotated[list[_Line], Field(max_length=MAX_LINE_COUNT)])


def parse_lines(document: bytes) -> list[TextLine]:
    """Read the lines.

    Args:
        document: JSON in UTF-8.

    Raises:
        LinesError: it is no JSON, or not of this form.
    """
    try:
        if document.lstrip().startswith(b"["):
            lines = _BARE_LIST.validate_json(document)
        else:
            lines = _Document.model_validate_json(document).lines
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
        raise LinesError(f"{place.lstrip('.')}: {problem['msg']}" if place else problem["msg"]) from None
    return [TextLine(line.text, line.confidence, np.array(line.quad, dtype=np.float64)) for line in lines]
