"""The two centred lines at the top: `PROVINSI JAWA BARAT` and `KABUPATEN BOGOR`."""

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein, Postfix, Prefix

from ktp_postprocessing.areas import AreaList
from ktp_postprocessing.labels import fold, fold_letters
from ktp_postprocessing.lines import Span

HEADER_LEVELS = ("provinsi", "kabupaten_kota")
"""Area levels printed there, as fields."""

_PROVINCE_WORD = "PROVINSI"
_MAX_EDITS = 2
_MIN_LETTERS = 3
_MIN_NAME_SIMILARITY = 0.75
_HALF_LETTER_COUNT = 1  # where a name is covered, of a letter half may be left, which is read as another


def read_header(rows: Sequence[Span], areas: AreaList) -> dict[str, Span]:
    """Find the province's and the regency's row.

    Args:
        rows: rows above the NIK, from top to bottom.
        areas: to tell a province whose leading word is lost.

    Returns:
        `provinsi` (without the word PROVINSI) and `kabupaten_kota`, those that were found.
    """
    rows = [row for row in rows if sum(character.isalpha() for character in row.text) >= _MIN_LETTERS]
    for index, row in enumerate(rows):
        end = _find_province_word(row.text)
        if end is None:
            end = _find_province_behind_word(row.text, areas)
        if end is not None:
            found = {"provinsi": row.cut(end, len(row.text)).without_separators()} if end < len(row.text) else {}
            return found | ({"kabupaten_kota": rows[index + 1]} if index + 1 < len(rows) else {})
    if not rows:
        return {}
    if len(rows) == 1:
        name = "provinsi" if _compare_with_provinces(rows[0].text, areas) >= _MIN_NAME_SIMILARITY else "kabupaten_kota"
        return {name: rows[0]}
    return {"provinsi": rows[-2], "kabupaten_kota": rows[-1]}


def is_rest_of_area(level: str, text: str, areas: AreaList) -> bool:
    """Whether a text is what is left of a longer name of which the beginning, the middle or the end is wiped out.

    Args:
        level: `provinsi` or `kabupaten_kota`; of other levels too many names hold one another.
        text: as read, no name in the list.
        areas: the list.
    """
    if level not in HEADER_LEVELS:
        return False
    parents = [""] if level == HEADER_LEVELS[0] else [province.code for province in areas.provinces()]
    letters = fold_letters(text)
    names = (name for parent in parents for name in areas.lexicon(parent).folded)
    return any(_is_rest(letters, name) for name in names)


def _is_rest(letters: str, name: str) -> bool:
    strange = max(len(letters) - Prefix.similarity(letters, name) - Postfix.similarity(letters, name), 0)
    return strange <= _HALF_LETTER_COUNT and len(letters) + strange < len(name)


def _find_province_word(text: str) -> int | None:
    """Index after the word PROVINSI at the start, also misread or glued to the name; None if it is not there."""
    folded = fold(text)
    word = fold_letters(_PROVINCE_WORD)
    best: tuple[int, int] | None = None
    for size in range(len(word) - 1, len(word) + 2):
        if size > len(folded.letters):
            break
        distance = Levenshtein.distance(word, folded.letters[:size])
        # A cut in front of a gap is better than one inside a word.
        end = folded.indices[size - 1] + 1
        rank = (2 * distance - (text[end : end + 1] in ("", " ")), end)
        if distance <= _MAX_EDITS and (best is None or rank < best):
            best = rank
    return None if best is None else best[1]


def _find_province_behind_word(text: str, areas: AreaList) -> int | None:
    """Index of a province's name behind a short first word that may be what is left of PROVINSI; None if none is."""
    end = text.find(" ") + 1
    if not 0 < end <= len(_PROVINCE_WORD) + _MAX_EDITS:
        return None
    behind = _compare_with_provinces(text[end:], areas)
    return end if behind >= _MIN_NAME_SIMILARITY and behind > _compare_with_provinces(text, areas) else None


def _compare_with_provinces(text: str, areas: AreaList) -> float:
    """Similarity to the most similar province's name, [0, 1]."""
    folded = fold_letters(text)
    names = areas.lexicon("").folded
    return max(Levenshtein.normalized_similarity(folded, name) for name in names)
