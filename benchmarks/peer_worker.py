"""Reads images with another OCR, in the environment of the peers; `ktp_benchmarks.workers` starts it and talks to it.

    python peer_worker.py rapidocr|akshara CORE

One JSON object a line each way. Asked: {"file": PATH, "quarter_turns": K}. Answered: CPU and wall seconds, peak memory,
and `texts` (lines) or `fields`. The photograph is turned upright by its truth first: neither peer does that by itself.
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def main(peer: str, core: int, answers: TextIO) -> None:
    """Answer until the input ends."""
    # Before anything that counts cores is imported: threads are sized by them.
    os.sched_setaffinity(0, {core})
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    read = _open_rapidocr() if peer == "rapidocr" else _open_akshara()
    package = {"rapidocr": "rapidocr-onnxruntime", "akshara": "akshara-ocr"}[peer]
    print(json.dumps({"ready": f"{package} {version(package)}"}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        data = np.frombuffer(Path(request["file"]).read_bytes(), np.uint8)
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
        answer = read(np.ascontiguousarray(np.rot90(pixels, request["quarter_turns"])))
        answer["cpu_s"] = time.process_time() - cpu_s
        answer["wall_s"] = time.perf_counter() - wall_s
        answer["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(answer), file=answers, flush=True)


def _open_rapidocr() -> "Callable[[NDArray[np.uint8]], dict[str, object]]":
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def read(pixels: "NDArray[np.uint8]") -> dict[str, object]:
        lines, _ = engine(pixels)
        return {"texts": [line[1] for line in lines or []]}

    return read


def _open_akshara() -> "Callable[[NDArray[np.uint8]], dict[str, object]]":
    from akshara_ocr import IDDocOCR

    reader = IDDocOCR(doc_type="ktp", engine="onnx")

    def read(pixels: "NDArray[np.uint8]") -> dict[str, object]:
        found = reader.extract(pixels).model_dump()
        place, _, date = (found.get("tempat_tanggal_lahir") or "").rpartition(",")
        found |= {"tempat_lahir": place.strip() or None, "tanggal_lahir": date.strip() or None}
        return {"fields": {name: text for name, text in found.items() if isinstance(text, str)}}

    return read


if __name__ == "__main__":
    # The libraries print what they like; only answers may go to the pipe.
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(sys.argv[1], int(sys.argv[2]), pipe)
