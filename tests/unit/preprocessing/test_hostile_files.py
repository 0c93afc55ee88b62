"""Every hostile or odd file gets the right answer, and none costs much memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from ktp_preprocessing.decode import decode_image
from tests.unit.preprocessing.hostile_files import HostileFile, hostile_files

FILES = hostile_files()
LARGEST_GROWTH_MB = 300

MEASURE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from ktp_preprocessing.decode import decode_image
from ktp_preprocessing.errors import ImageError
from tests.unit.preprocessing.hostile_files import hostile_files
files = hostile_files()
idle_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for item in files:
    try:
        decode_image(item.data)
    except ImageError:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle_kb) // 1024)
"""


def test_there_are_many_and_each_has_its_own_name() -> None:
    assert len(FILES) >= 60
    assert len({item.name for item in FILES}) == len(FILES)


@pytest.mark.parametrize("item", FILES, ids=lambda item: item.name)
def test_hostile_file(item: HostileFile) -> None:
    if item.error is None:
        assert decode_image(item.data).pixels.shape == (360, 480, 3)
    else:
        with pytest.raises(item.error) as caught:
            decode_image(item.data)
        assert type(caught.value) is item.error


def test_no_file_costs_much_memory() -> None:
    root = str(Path(__file__).parents[3])
    run = subprocess.run([sys.executable, "-c", MEASURE, root], capture_output=True, text=True, check=True)
    assert int(run.stdout) < LARGEST_GROWTH_MB
