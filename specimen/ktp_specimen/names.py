"""Invented words: names, addresses, rows of forms, and random text that stands in no list."""

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
LONGEST_NAME = 60  # Permendagri 73/2022, article 4
SHORT_FORMS = (
    "M.",
    "MUH.",
    "MOCH.",
    "H. M.",
    "A.",
    "I GST.",
    "NI LUH",
    "ST.",
    "R.M.",
    "K.H.",
    "Y.B.",
    "D'",
    "H.",
    "HJ.",
)
PREFIXES = ("D'", "AL-", "ABD. ", "O'", "EL ", "DE ", "NUR-", "MA'")
TITLES_BEFORE = ("DR.", "DRS.", "DRA.", "IR.", "H.", "HJ.", "Dr.", "Ir.", "PROF. DR.", "DR. dr.", "R.", "RR.")
TITLES_AFTER = (
    "S.PD",
    "S.Pd.",
    "S.H.",
    "SH",
    "SE",
    "S.E.",
    "ST.",
    "MT",
    "M.M.",
    "M.Si.",
    "S.KOM",
    "S.Kep., Ns",
    "M.HUM",
    "A.MD",
)
ROMANS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XVI", "XVIII", "XX")
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
    if rng.random() < 0.05:  # initials and shortened words
        words.insert(0, pick(rng, SHORT_FORMS, None))
    if rng.random() < 0.03:
        words[-1] = f"{pick(rng, PREFIXES, None)}{words[-1]}"
    name = " ".join(words)
    if rng.random() < 0.04:
        name = f"{pick(rng, TITLES_BEFORE, None)} {name}"
    if rng.random() < 0.06:
        name += ", " + ", ".join(pick(rng, TITLES_AFTER, None) for _ in range(int(rng.integers(1, 4))))
    return name[:LONGEST_NAME].rstrip(" ,")


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
    if rng.random() < 0.1:
        street = compose_word(rng)
    number = _house_number(rng)
    block = f"{string.ascii_uppercase[int(rng.integers(0, 12))]}{rng.integers(1, 20)}"
    kind = int(rng.integers(0, 12))
    if kind <= 4:
        gap = pick(rng, (" ", "", " "), None)
        way = pick(rng, ("JL.", "JL", "JLN", "JALAN", "JL.", "JLN."), None)
        joint = gap if way.endswith(".") else " "
        roman = f" {_roman(rng)}" if rng.random() < 0.15 else ""
        tail = pick(rng, ("", "", f" {number}", f" {number}", f" GG. {rng.integers(1, 9)} {number}"), None)
        near = f", RT.{rng.integers(1, 20):02d}" if rng.random() < 0.08 else ""
        return f"{way}{joint}{street}{roman}{tail}{near}"
    if kind == 5:
        return f"PERUM {street} BLOK {block} {number}"
    if kind == 6:
        return f"KOMP. {street} BLK {block}/{rng.integers(1, 40)}"
    if kind == 7:
        return f"{pick(rng, HAMLETS, None)} {street}"
    if kind == 8:
        return f"GG. {street} {_roman(rng)} {number}"
    if kind == 9:
        return f"BTN {street} KAV. {rng.integers(1, 99)} ({block})"
    if kind == 10:
        return f"PERUMNAS {street} {_roman(rng)}/{rng.integers(1, 99)} {block}-{rng.integers(1, 30)}"
    return street if rng.random() < 0.6 else f"ASRAMA {street}, {compose_word(rng)} & {compose_word(rng)}"


def _house_number(rng: np.random.Generator) -> str:
    """A house number in one of the ways in which it is written: `NO. 12`, `NO.12-B/3`, `NO : 7A`, `12/IV`."""
    number = str(rng.integers(1, 250))
    suffix = pick(
        rng,
        ("", "", "", "A", "-B", f"/{rng.integers(1, 30)}", f"-B/{rng.integers(1, 9)}", f"/{_roman(rng)}", "-C", " A-B"),
        None,
    )
    return pick(rng, ("NO. ", "NO.", "NO ", "", "NO.", "NO : ", "NO:", "No."), None) + number + suffix


def _roman(rng: np.random.Generator) -> str:
    return pick(rng, ROMANS, None)


def draw_random_text(rng: np.random.Generator) -> str:
    """Draw syllables or plain random characters, for training."""
    kind = rng.random()
    if kind < 0.4:
        return " ".join(compose_word(rng) for _ in range(int(rng.integers(1, 5))))
    if kind < 0.5:  # up to the longest line that is printed
        text = " ".join(compose_word(rng) for _ in range(20))
        return text[: int(rng.integers(25, LONGEST_NAME + 1))].strip()
    if kind < 0.65:  # dense punctuation and numerals
        signs = (". ", ", ", "/", "-", ".", "'", " & ", ": ", "(", ") ", " ", " ")
        words = (
            pick(rng, ROMANS, None)
            if rng.random() < 0.3
            else (str(rng.integers(0, 1000)) if rng.random() < 0.4 else compose_word(rng)[:4])
            for _ in range(int(rng.integers(2, 8)))
        )
        return "".join(word + pick(rng, signs, None) for word in words).strip()
    letters = string.ascii_uppercase if kind < 0.8 else string.ascii_uppercase + string.digits * 2 + ".,:/-'()+&"
    words = ("".join(rng.choice(list(letters), int(rng.integers(1, 9)))) for _ in range(int(rng.integers(1, 5))))
    text = " ".join(words)
    return text.title() if rng.random() < 0.08 else text


def draw_digits(rng: np.random.Generator, pattern: str) -> str:
    """Replace every 9 of a pattern by a random digit."""
    return "".join(str(rng.integers(10)) if letter == "9" else letter for letter in pattern)


def draw_date(rng: np.random.Generator) -> str:
    """Draw a date, `DD-MM-YYYY`."""
    return f"{rng.integers(1, 29):02d}-{rng.integers(1, 13):02d}-{rng.integers(1950, 2030)}"


def draw_rows(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """`label : value` rows as on cards and forms; many share their labels with a KTP."""
    town = compose_word(rng).title()
    rows = [
        (pick(rng, ("Nama", "NAMA", "Name", "Nama Lengkap"), None), draw_name(rng, bool(rng.integers(2)))),
        (pick(rng, ("NIM", "NIP", "No. Anggota", "ID", "NIS", "No. Peserta"), None), draw_digits(rng, "9999999999")),
        (pick(rng, ("TTL", "Tempat/Tgl Lahir", "Tgl. Lahir", "Date of Birth"), None), f"{town}, {draw_date(rng)}"),
        (pick(rng, ("Alamat", "ALAMAT", "Address"), None), draw_address(rng)),
        (pick(rng, ("Fakultas", "Jurusan", "Divisi", "Unit", "Kelas"), None), compose_word(rng) + " " + town),
        (pick(rng, ("Jabatan", "Status", "Program"), None), pick(rng, ("STAF", "S1", "TETAP", "REGULER"), None)),
        (pick(rng, ("Berlaku", "Berlaku s/d", "Valid until", "Masa Berlaku"), None), draw_date(rng)),
        (pick(rng, ("NIK", "No. KTP", "No. Telp"), None), draw_digits(rng, "9999999999999999")),
    ]
    order = [0, *(rng.permutation(len(rows) - 1) + 1)][:count]
    return [rows[i] for i in order]
