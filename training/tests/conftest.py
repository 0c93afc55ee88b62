"""A handful of specimens, drawn once, for the tests that need real data."""

from pathlib import Path

import pytest
import torch

from ktp_training import compat

compat.install()

from ktp_specimen.generate import SpecimenSettings, write_specimens  # noqa: E402
from ktp_specimen.strata import Stratum  # noqa: E402

SPECIMEN_COUNT = 8


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    strata = (Stratum.CLEAN, Stratum.PHONE, Stratum.EMPTY, Stratum.SEVERAL)
    for _ in write_specimens(SpecimenSettings(folder, seed=77, count=SPECIMEN_COUNT, strata=strata, training=True)):
        pass
    return folder
