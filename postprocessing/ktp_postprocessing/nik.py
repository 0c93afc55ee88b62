"""The NIK: 16 digits `PP RR CC DDMMYY SSSS`. It has no check digit; what can be checked is its structure.

Source: UU 24/2013 article 13 and the civil registration's rules; day + 40 for women.
"""

from dataclasses import dataclass
from datetime import date

from ktp_postprocessing.areas import Area, AreaList
from ktp_postprocessing.confusions import Confusions

NIK_LENGTH = 16
UNISSUED_SERIAL = "0000"
FEMALE_DAY_OFFSET = 40
_CENTURIES = (1900, 2000)
_HOLDER_AGES_YEARS = range(17, 116)
_PROVINCE_DIGITS = range(11, 97)
_MAX_DISTRICT_NUMBER = 60  # the highest in the area list is 51; some headroom for new ones


@dataclass(frozen=True, slots=True)
class Nik:
    """A NIK taken apart.

    Attributes:
        digits: 16 digits.
    """

    digits: str

    @property
    def province_code(self) -> str:
        """`PP`."""
        return self.digits[:2]

    @property
    def regency_code(self) -> str:
        """`PP.RR`, where first registered."""
        return f"{self.digits[:2]}.{self.digits[2:4]}"

    @property
    def serial(self) -> str:
        """Last four digits."""
        return self.digits[12:]

    @property
    def is_female(self) -> bool:
        """Whether 40 was added to the day."""
        return int(self.digits[6:8]) > FEMALE_DAY_OFFSET

    def birth_dates(self) -> tuple[date, ...]:
        """The dates it may mean, one for each century; empty if it is no date."""
        day = int(self.digits[6:8]) - FEMALE_DAY_OFFSET * self.is_female
        found = []
        for century in _CENTURIES:
            try:
                found.append(date(century + int(self.digits[10:12]), int(self.digits[8:10]), day))
            except ValueError:
                continue
        return tuple(found)

    def birth_date(self, today: date) -> date | None:
        """The date that makes the holder 17 to 115 years old; None if neither century does, or if it is no date."""
        return next((day for day in self.birth_dates() if today.year - day.year in _HOLDER_AGES_YEARS), None)

    def find_district(self, areas: AreaList) -> Area | None:
        """The district of registration; None if unknown, or renumbered since its regency moved to a new province."""
        return areas.get(f"{self.regency_code}.{self.digits[4:6]}")

    def find_regency(self, areas: AreaList) -> Area | None:
        """The regency of registration under its present code; None if the code is unknown."""
        return areas.get(areas.current_regency_code(self.regency_code))


def parse_nik(text: str) -> Nik | None:
    """A NIK from 16 digits; spaces and points between them are ignored. None for anything else."""
    digits = text.translate(str.maketrans("", "", " .-"))
    if len(digits) != NIK_LENGTH or not (digits.isascii() and digits.isdigit()):
        return None
    return Nik(digits)


def repair_nik(text: str) -> tuple[str, tuple[int, ...]]:
    """The digits that were read as a NIK, confusable letters repaired.

    Where more than 16 remain (a colon or a stray mark read as a digit), the 16 whose structure is most plausible are
    taken.

    Returns:
        The digits (16 if all were read) and the index in `text` of each.
    """
    digits = Confusions.load().to_digits(text)
    places = [index for index, digit in enumerate(digits) if digit.isascii() and digit.isdigit()]
    starts = range(max(len(places) - NIK_LENGTH, 0) + 1)
    best = max(
        starts, key=lambda start: (_plausibility("".join(digits[i] for i in places[start:][:NIK_LENGTH])), -start)
    )
    kept = tuple(places[best : best + NIK_LENGTH])
    return "".join(digits[index] for index in kept), kept


def _plausibility(digits: str) -> int:
    nik = parse_nik(digits)
    if nik is None:
        return 0
    is_district = 1 <= int(digits[4:6]) <= _MAX_DISTRICT_NUMBER
    return 4 * bool(nik.birth_dates()) + 2 * (int(nik.province_code) in _PROVINCE_DIGITS) + is_district
