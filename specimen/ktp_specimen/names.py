"""Invented words: names, addresses, and random text that stands in no list."""

import string
from functools import lru_cache
from importlib import resources

import numpy as np

FOREIGN_GIVEN = (
    "LI WEI",
    "HIROSHI",
    "AHMAD FAIZ",
    "RAJESH",
    "OLIVER",
    "HANNAH",
    "MIN JUN",
    "EMILY JANE",
    "PIERRE",
    "NATASHA",
    "ZHANG MIN",
    "SOFIE",
    "THOMAS",
    "SOMCHAI",
)
FOREIGN_FAMILY = (
    "TANAKA",
    "SMITH",
    "WANG",
    "KUMAR",
    "MULLER",
    "VAN DIJK",
    "KIM",
    "O'BRIEN",
    "DUBOIS",
    "IVANOV",
    "LIM",
    "TAN",
    "BROWN",
    "PATEL",
    "JANSEN",
)
HAMLETS = ("DUSUN", "DSN", "KP.", "KP", "KAMP.", "LINGK.", "LK.", "BANJAR DINAS", "JORONG")


def pick(rng: np.random.Generator, options: tuple[str, ...], weights: tuple[int, ...] | None) -> str:
    """Draw one of the options, evenly or by integer weights."""
    if weights is None:
        return options[int(rng.integers(len(options)))]
    return options[int(rng.choice(len(options), p=np.asarray(weights) / sum(weights)))]


@lru_cache(maxsize=8)
def _word_list(name: str) -> tuple[str, ...]:
    text = (resources.files("ktp_specimen") / "data" / name).read_text("utf-8")
    return tuple(text.replace("\n", "|").strip("|").split("|")) if "|" in text else tuple(text.split())


def draw_name(rng: np.random.Generator, female: bool) -> str:
    """Draw an Indonesian name of one to five words, at most 60 characters; some words stand in no list."""
    given = _word_list("given_names_female.txt" if female else "given_names.txt")
    family = _word_list("family_names.txt")
    count = int(rng.choice((1, 2, 3, 4, 5), p=(0.07, 0.45, 0.32, 0.11, 0.05)))
    words = [given[int(rng.integers(len(given)))]]
    for _ in range(count - 1):
        part = compose_word(rng) if rng.random() < 0.12 else ""
        words.append(part or pick(rng, family if rng.random() < 0.75 else given, None))
    name = " ".join(words)
    if rng.random() < 0.03:
        name += pick(rng, (", S.PD", ", S.H.", ", SE", ", ST., MT", ", DRS."), None)
    return name[:60].strip()


def draw_foreign_name(rng: np.random.Generator) -> str:
    """Draw a foreigner's given and family name."""
    return f"{pick(rng, FOREIGN_GIVEN, None)} {pick(rng, FOREIGN_FAMILY, None)}"


def compose_word(rng: np.random.Generator) -> str:
    """Compose a name that stands in no list, from syllables: rare names must be read as printed."""
    onsets = (
        "B",
        "D",
        "F",
        "G",
        "H",
        "J",
        "K",
        "L",
        "M",
        "N",
        "P",
        "R",
        "S",
        "T",
        "W",
        "Y",
        "Z",
        "NY",
        "KH",
        "SY",
        "TR",
        "DH",
        "X",
        "V",
        "QU",
        "C",
        "",
    )
    vowels = ("A", "A", "I", "U", "E", "O", "AI", "AU", "IA", "OE")
    codas = ("", "", "", "N", "NG", "R", "S", "H", "M", "L", "T", "K", "D")
    return "".join(
        pick(rng, onsets, None) + pick(rng, vowels, None) + pick(rng, codas, None)
        for _ in range(int(rng.integers(1, 4)))
    )


def draw_address(rng: np.random.Generator) -> str:
    """Draw a street, housing estate, hamlet or barracks address, abbreviated in one of the usual ways."""
    streets = _word_list("streets.txt")
    street = streets[int(rng.integers(len(streets)))]
    number = int(rng.integers(1, 250))
    block = f"{string.ascii_uppercase[int(rng.integers(0, 12))]}{rng.integers(1, 20)}"
    kind = int(rng.integers(0, 10))
    if kind <= 3:
        tail = pick(
            rng,
            (
                "",
                f" NO. {number}",
                f" NO.{number}",
                f" NO {number}A",
                f" {number}",
                f" GG. {rng.integers(1, 9)} NO. {number}",
            ),
            None,
        )
        return f"{pick(rng, ('JL.', 'JL', 'JLN', 'JALAN', 'JL. '), None).strip()} {street}{tail}"
    if kind == 4:
        return f"PERUM {street} BLOK {block} NO. {number}"
    if kind == 5:
        return f"KOMP. {street} BLK {block}/{rng.integers(1, 40)}"
    if kind == 6:
        return f"{pick(rng, HAMLETS, None)} {street}"
    if kind == 7:
        return f"GG. {street} {_roman(rng)} NO.{number}"
    if kind == 8:
        return f"BTN {street} KAV. {rng.integers(1, 99)} ({block})"
    return street if rng.random() < 0.6 else f"ASRAMA {street}, {compose_word(rng)} & {compose_word(rng)}"


def _roman(rng: np.random.Generator) -> str:
    return pick(rng, ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XII"), None)


def draw_random_text(rng: np.random.Generator) -> str:
    """Draw syllables or plain random characters, for training."""
    kind = rng.random()
    if kind < 0.5:
        return " ".join(compose_word(rng) for _ in range(int(rng.integers(1, 5))))
    letters = string.ascii_uppercase if kind < 0.75 else string.ascii_uppercase + string.digits * 2 + ".,:/-'()+&"
    words = ("".join(rng.choice(list(letters), int(rng.integers(1, 9)))) for _ in range(int(rng.integers(1, 5))))
    text = " ".join(words)
    return text.title() if rng.random() < 0.08 else text
