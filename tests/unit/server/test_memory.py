"""What one thread frees serves the next, so that memory does not grow with the number of threads."""

import subprocess
import sys

BLOCK_MIB = 30
TAKEN_MIB = 100

SCRIPT = f"""
import re
import threading
from pathlib import Path
from ktp_server.memory import keep_one_heap

def resident_mib():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def work(done, end):
    blocks = [bytearray(b"x" * 100_000) for _ in range({BLOCK_MIB} * 10)]
    kept.append(bytearray(b"x" * 100_000))  # at the end of the heap, so that nothing before it goes back to the system
    del blocks
    done.set()
    end.wait()

assert keep_one_heap()
kept = []
before_mib = resident_mib()
end = threading.Event()
threads = []
for _ in range(6):
    done = threading.Event()
    threads.append(threading.Thread(target=work, args=(done, end)))
    threads[-1].start()
    done.wait()
print(resident_mib() - before_mib)
end.set()
for thread in threads: thread.join()
"""


HOLES = f"""
import asyncio
import re
from pathlib import Path
from ktp_server.memory import kept_memory

def resident_mib():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

async def main():
    async with kept_memory(give_back_interval_s=0.01, taken_bytes=1 << 20):
        before_mib = resident_mib()
        blocks = [bytearray(b"x" * 100_000) for _ in range({BLOCK_MIB} * 10)]
        kept = blocks[1::2]  # so that every other block leaves a hole
        full_mib = resident_mib()
        del blocks
        for _ in range(6000):
            if resident_mib() - before_mib < 0.6 * (full_mib - before_mib):
                return
            await asyncio.sleep(0.01)
        raise SystemExit(f"{{before_mib}}, {{full_mib}} with the blocks, {{resident_mib()}} with half of them")

asyncio.run(main())
"""


FREED_IN_TURNS = f"""
import asyncio
import resource
from ktp_server.memory import kept_memory

def fault_count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

async def main():
    async with kept_memory(give_back_interval_s=0.01, taken_bytes={TAKEN_MIB} << 20):
        held = [bytearray(b"x" * 100_000) for _ in range({BLOCK_MIB} * 10)]
        end = bytearray(b"x" * 100_000)  # so that nothing before it goes back to the system by itself
        await asyncio.sleep(0.5)  # what was taken until here is given back, where there is something
        before_count = fault_count()
        for _ in range(20):
            held.clear()
            await asyncio.sleep(0.05)
            held.extend(bytearray(b"x" * 100_000) for _ in range({BLOCK_MIB} * 10))
        print(fault_count() - before_count)

asyncio.run(main())
"""


def test_threads_share_one_heap() -> None:
    outcome = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert float(outcome.stdout) < 2 * BLOCK_MIB


def test_holes_between_blocks_that_stay_are_given_back() -> None:
    outcome = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_what_is_taken_again_and_again_is_not_given_back_in_between() -> None:
    outcome = subprocess.run([sys.executable, "-c", FREED_IN_TURNS], capture_output=True, text=True, check=True)
    working_set_pages = BLOCK_MIB * 1024 // 4
    assert int(outcome.stdout) < 3 * working_set_pages  # of the twenty times that it would be
