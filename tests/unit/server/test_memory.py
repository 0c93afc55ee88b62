"""Large blocks go back to the system as soon as they are freed."""

import subprocess
import sys

SCRIPT = """
import re
import threading
from pathlib import Path
from ktp_server.memory import give_back_large_blocks

def resident_mib():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def work():
    for size in (2, 30, 5, 20, 3):
        images = [bytearray(b"x" * (size << 20)) for _ in range(3)]
        kept.append(bytearray(b"x" * 200_000))
        del images

assert give_back_large_blocks()
kept = []
before_mib = resident_mib()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(resident_mib() - before_mib)
"""


def test_what_images_took_is_given_back() -> None:
    outcome = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert float(outcome.stdout) < 12.0  # 4 MiB are kept on purpose
