"""A batch against a real server: every image once, in order, whatever happens on the way."""

import asyncio
import csv
import json
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktp_server.client import AsyncKtpOcrClient, Endpoint, RetryPolicy
from ktp_server.client.batch import BatchError, BatchPlan, BatchProgress, run_batch
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.app import RunningServer
from tests.contract.conftest import SETTINGS, Bench, serve, succeed
from tests.contract.guarded_server import new_key, run_guarded
from tests.contract.scripted_reader import ScriptedReader

COMMAND = str(Path(sys.executable).with_name("ktp-ocr"))
FILE_COUNT = 300
BAD = RecognitionError(ErrorReason.CARD_NOT_FOUND, "no card")


class Interrupted(Exception):
    """Stands for whatever ends a run."""


def nothing(done_count: int, total_count: int) -> None:
    """Shows no progress."""


def client_of(server: RunningServer) -> AsyncKtpOcrClient:
    return AsyncKtpOcrClient(Endpoint(f"127.0.0.1:{server.port}"), RetryPolicy(3))


def fill(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def rows_of(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


async def test_each_image_has_its_row_in_the_order_of_names(bench: Bench, tmp_path: Path) -> None:
    bench.reader.failures[b"bad"] = BAD
    contents = {"c.jpg": b"C", "b/x.png": b"bad", "b/a.jpg": b"A", "notes.txt": b"none", "huge.bmp": b"\0" * 2**24}
    plan = BatchPlan(fill(tmp_path / "photos", contents), tmp_path / "out.jsonl", ("sharpness",))
    shown: list[tuple[int, int]] = []
    async with client_of(bench.server) as client:
        counts = await run_batch(client, plan, lambda *done: shown.append(done))
    assert [(row["file"], row["status"]) for row in rows_of(plan.out)] == [
        *(("b/a.jpg", "OK"), ("b/x.png", "CARD_NOT_FOUND"), ("c.jpg", "OK"), ("huge.bmp", "IMAGE_TOO_LARGE")),
    ]
    assert counts == {"OK": 2, "CARD_NOT_FOUND": 1, "IMAGE_TOO_LARGE": 1}
    assert shown == [(done, 4) for done in range(5)]
    assert bench.reader.required[b"A"] == ("sharpness",)
    assert not plan.journal.exists()
    assert plan.out.stat().st_mode & 0o777 == 0o600


@settings(max_examples=12)
@given(
    names=st.sets(st.text("abcdefgh", min_size=1, max_size=4), min_size=1, max_size=30),
    stops=st.lists(st.integers(1, 30), max_size=4),
    bad_share=st.integers(1, 4),
)
def test_interrupted_anywhere_and_as_often_as_may_be(names: set[str], stops: list[int], bad_share: int) -> None:
    """Runs end after any number of answers; together they read each image, those in the journal never again."""

    async def read_in_pieces(folder: Path) -> None:
        reader = ScriptedReader()
        contents = {f"{name}.jpg": f"image {name}".encode() for name in names}
        for name in sorted(names)[::bad_share]:
            reader.failures[f"image {name}".encode()] = BAD
        plan = BatchPlan(fill(folder / "photos", contents), folder / "out.jsonl", in_flight_count=3)
        async with serve(reader) as server, client_of(server) as client:
            for stop in stops:
                journaled = sources_in(plan.journal)
                begun = Counter(reader.started)
                try:
                    await run_batch(client, plan, stop_after(stop))
                except Interrupted:
                    assert not any((reader.started - begun)[contents[name]] for name in journaled)
                else:
                    break
            if not plan.out.exists():
                await run_batch(client, plan, nothing)
        rows = rows_of(plan.out)
        assert [row["file"] for row in rows] == sorted(contents)
        for row in rows:
            is_bad = contents[str(row["file"])] in reader.failures
            assert row["status"] == ("CARD_NOT_FOUND" if is_bad else "OK")

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(read_in_pieces(Path(folder)))


def stop_after(count: int) -> BatchProgress:
    """Progress that ends the run after so many new answers."""
    left = iter(range(count))

    def end(done_count: int, total_count: int) -> None:
        if next(left, None) is None:
            raise Interrupted

    return end


def sources_in(journal: Path) -> list[str]:
    if not journal.exists():
        return []
    return [json.loads(line)["file"] for line in journal.read_text("utf-8").splitlines()[1:]]


async def run_command(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(COMMAND, *arguments, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_killed_in_the_middle_it_goes_on(bench: Bench, tmp_path: Path, how: signal.Signals) -> None:
    """300 files; the server answers half, then the command is killed; the second run reads the others only."""
    half = FILE_COUNT // 2
    contents = {f"{n:03d}.jpg": f"{'wait' if n >= half else 'quick'} {n}".encode() for n in range(FILE_COUNT)}
    folder, out = fill(tmp_path / "photos", contents), tmp_path / "out.csv"
    journal = tmp_path / "out.csv.journal"
    command = ("batch", str(folder), "--out", str(out), "--target", f"127.0.0.1:{bench.server.port}")
    async with asyncio.timeout(120.0):
        first = await run_command(*command)
        while len(sources_in_prefix(journal)) < half:
            await asyncio.sleep(0.2)
        first.send_signal(how)
        await first.communicate()
        assert first.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 130)
        assert not out.exists()
        bench.reader.release.set()
        second = await run_command(*command)
        stdout, stderr = await second.communicate()
    assert second.returncode == 0, stderr.decode()
    assert b"300 images, 300 OK" in stdout
    with out.open(encoding="utf-8", newline="") as file:
        read = [(row["file"], row["nama"]) for row in csv.DictReader(file)]
    assert read == [(name, content.decode()) for name, content in contents.items()]
    assert {bench.reader.started[content] for content in contents.values() if content.startswith(b"quick")} == {1}
    assert not journal.exists()


def sources_in_prefix(journal: Path) -> list[bytes]:
    return journal.read_bytes().split(b"\n")[1:-1] if journal.exists() else []


async def test_a_server_that_stays_away_stops_it_and_nothing_is_lost(tmp_path: Path) -> None:
    reader = ScriptedReader()
    contents = {f"{n}.jpg": (b"wait" if n == 5 else b"A%d" % n) for n in range(9)}
    plan = BatchPlan(fill(tmp_path / "photos", contents), tmp_path / "out.jsonl", in_flight_count=1)
    async with asyncio.timeout(60.0), serve(reader) as server, client_of(server) as client:
        run = asyncio.create_task(run_batch(client, plan, nothing))
        while not reader.started[b"wait"]:
            await asyncio.sleep(0.01)
        await server.drain(0.0)
        with pytest.raises(BatchError, match="5 of 9 images are done; the same command goes on"):
            await run
        reader.release.set()
        async with succeed(server, reader):
            assert await run_batch(client, plan, nothing) == {"OK": 9}
    assert reader.started[b"A0"] == 1


async def test_a_caller_who_is_turned_away_learns_it_at_once(tmp_path: Path) -> None:
    new_key(tmp_path / "keys.txt")
    plan = BatchPlan(fill(tmp_path / "photos", {"a.jpg": b"A"}), tmp_path / "out.jsonl")
    async with (
        run_guarded(SETTINGS.model_copy(update={"api_keys": tmp_path / "keys.txt"})) as server,
        AsyncKtpOcrClient(Endpoint(server.target)) as client,
    ):
        with pytest.raises(BatchError, match=r"an API key is needed.*0 of 1"):
            await run_batch(client, plan, nothing)


async def test_what_cannot_be_done_is_told(bench: Bench, tmp_path: Path) -> None:
    folder = fill(tmp_path / "photos", {"a.jpg": b"A"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.csv").touch()
    async with client_of(bench.server) as client:
        for plan, message in (
            (BatchPlan(tmp_path / "empty", tmp_path / "out.csv"), "holds no images"),
            (BatchPlan(folder, tmp_path / "there.csv"), "is there already"),
            (BatchPlan(folder, tmp_path / "out.xlsx"), "must end with"),
        ):
            with pytest.raises(BatchError, match=message):
                await run_batch(client, plan, nothing)
    assert not bench.reader.started


async def test_call_prints_what_read_prints(bench: Bench, tmp_path: Path) -> None:
    bench.reader.failures[b"bad"] = BAD
    folder = fill(tmp_path, {"a.jpg": b"BUDI", "b.jpg": b"bad"})
    target = ("--target", f"127.0.0.1:{bench.server.port}")
    as_json = await run_command("call", "--json", *target, str(folder))
    stdout, _ = await as_json.communicate()
    assert as_json.returncode == 1
    read, failed = (json.loads(line) for line in stdout.splitlines())
    assert (read["status"], read["fields"]["nama"]["value"]) == ("OK", "BUDI")
    assert (failed["status"], failed["message"]) == ("CARD_NOT_FOUND", "no card")
    as_table = await run_command("call", *target, str(folder / "a.jpg"), "--require", "tilt, colour")
    stdout, _ = await as_table.communicate()
    assert as_table.returncode == 0
    assert b"BUDI" in stdout
    assert bench.reader.required[b"BUDI"] == ("tilt", "colour")
