"""The vocabulary tables: complete, upper case, free of duplicates."""

from ktp_postprocessing.vocabularies import Vocabularies, Vocabulary

TABLES = Vocabularies.load()


def test_the_official_lists_have_their_known_sizes() -> None:
    assert len(TABLES.occupations.official) == 99
    assert len(TABLES.religions.official) == 7
    assert TABLES.sexes.official == ("LAKI-LAKI", "PEREMPUAN")
    assert set(TABLES.marital_statuses.official) == {"BELUM KAWIN", "KAWIN", "CERAI HIDUP", "CERAI MATI"}


def test_printed_variants_keep_their_meaning() -> None:
    assert TABLES.religions.meanings["KATHOLIK"] == "KATOLIK"
    assert TABLES.sexes.meanings["FEMALE"] == "PEREMPUAN"
    assert TABLES.occupations.meanings["IMAM MESJID"] == "IMAM MASJID"
    assert "FEMALE" in TABLES.sexes.foreign


def test_every_table_is_upper_case_and_without_duplicates() -> None:
    for table in vars(TABLES).values():
        if isinstance(table, Vocabulary):
            assert len(set(table.printed)) == len(table.printed) > 0
            assert all(printed == printed.upper().strip() for printed in table.printed)


def test_labels_are_in_print_order() -> None:
    assert list(TABLES.labels)[:3] == ["nik", "nama", "tempat_tanggal_lahir"]
    assert TABLES.labels["agama"] == ("Agama", "Kepercayaan")
