"""Reads images with this reader in process, on one core; `ktp_benchmarks.workers` starts it and talks to it.

    python reader_worker.py CORE

One JSON object a line each way. Asked: {"file": PATH}. Answered: CPU and wall seconds, those of the models alone, CPU
milliseconds by stage, peak memory, and `failure`, the reason if the image was refused.
"""

import asyncio
import json
import os
import resource
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path


def main(core: int) -> None:
    """Answer until the input ends."""
    os.sched_setaffinity(0, {core})
    asyncio.run(_answer())


async def _answer() -> None:
    from ktp_server.assembly import open_pipeline
    from ktp_server.errors import RecognitionError
    from ktp_server.settings import Settings

    settings = Settings(cpu_worker_count=1, engine_worker_count=1, engine_thread_count=1)
    async with open_pipeline(settings, timer=time.process_time) as pipeline:
        print(json.dumps({"ready": f"ktp-ocr {version('ktp-ocr')}"}), flush=True)
        for line in sys.stdin:
            data = await asyncio.to_thread(Path(json.loads(line)["file"]).read_bytes)
            cpu_s, wall_s, model_s = time.process_time(), time.perf_counter(), _model_cpu_s()
            stages: dict[str, float] = {}
            failure = ""
            try:
                stages = dict((await pipeline.recognize(data)).timings_ms)
            except RecognitionError as error:
                failure = error.reason.value
            answer = {
                "cpu_s": time.process_time() - cpu_s,
                "wall_s": time.perf_counter() - wall_s,
                "model_cpu_s": _model_cpu_s() - model_s,
                "stages_ms": stages,
                "failure": failure,
                "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            }
            print(json.dumps(answer), flush=True)


def _model_cpu_s() -> float:
    """CPU seconds of the threads that run nothing but models."""
    clocks = [
        time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.name.startswith("inference") and thread.ident is not None
    ]
    return sum(map(time.clock_gettime, clocks))


if __name__ == "__main__":
    main(int(sys.argv[1]))
