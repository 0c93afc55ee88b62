"""The vocabulary tables: complete, upper case, free of duplicates."""

from ktp_postprocessing.vocabularies import CardKind, Vocabularies, Vocabulary

TABLES = Vocabularies.load()


def official(vocabulary: Vocabulary) -> set[str]:
    """What citizens' cards print of the official list itself, without variants."""
    return {term.printed for term in vocabulary.terms if term.card is not CardKind.WNA and term.printed == term.meaning}


def test_the_official_lists_have_their_known_sizes() -> None:
    assert len(official(TABLES.occupations)) == 99
    assert len(official(TABLES.religions)) == 7
    assert official(TABLES.sexes) == {"LAKI-LAKI", "PEREMPUAN"}
    assert official(TABLES.marital_statuses) == {"BELUM KAWIN", "KAWIN", "CERAI HIDUP", "CERAI MATI"}


def test_printed_variants_keep_their_meaning() -> None:
    assert TABLES.religions.meanings["KATHOLIK"] == "KATOLIK"
    assert TABLES.sexes.meanings["FEMALE"] == "PEREMPUAN"
    assert TABLES.occupations.meanings["IMAM MESJID"] == "IMAM MASJID"


def test_english_terms_are_those_of_foreigners() -> None:
    assert {term.printed for term in TABLES.sexes.terms if term.card is CardKind.WNA} == {"FEMALE", "MALE"}


def test_every_table_is_upper_case_and_without_duplicates() -> None:
    for table in vars(TABLES).values():
        if isinstance(table, Vocabulary):
            assert len(set(table.printed)) == len(table.printed) > 0
            assert all(printed == printed.upper().strip() for printed in table.printed)


def test_labels_are_in_print_order() -> None:
    assert list(TABLES.labels)[:3] == ["nik", "nama", "tempat_tanggal_lahir"]
    assert TABLES.labels["agama"] == ("Agama", "Kepercayaan")
