import re

import numpy as np

from ktp_specimen.names import LONGEST_NAME, draw_address, draw_name, draw_random_text
from ktp_specimen.wear import draw_wear

ALPHABET = set(" 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.,:;'\"-/()+&*")


def test_names_and_addresses_are_dense_in_what_is_hard_to_read() -> None:
    rng = np.random.default_rng(13)
    names = [draw_name(rng, female=bool(i % 2)) for i in range(1500)]
    addresses = [draw_address(rng) for _ in range(1500)]
    assert max(map(len, names)) <= LONGEST_NAME
    assert any(re.search(r", S\.Pd\.", name) for name in names)
    assert any("'" in name for name in names)
    for pattern in (r"\bXVIII\b", r"NO\.\d+-B/\d", r"RT\.\d\d", r"[A-Z]\d+/\d+", r"\bVIII\b"):
        assert any(re.search(pattern, address) for address in addresses), pattern


def test_only_what_the_recogniser_can_say_is_printed() -> None:
    rng = np.random.default_rng(14)
    for _ in range(800):
        texts = (draw_name(rng, female=True), draw_address(rng), draw_random_text(rng), draw_wear(rng, 1.0).notice)
        for text in texts:
            assert set(text) <= ALPHABET
            assert text == text.strip()
            assert "  " not in text


def test_random_texts_reach_the_longest_line() -> None:
    rng = np.random.default_rng(15)
    lengths = [len(draw_random_text(rng)) for _ in range(600)]
    assert min(lengths) >= 1
    assert max(lengths) > 50
