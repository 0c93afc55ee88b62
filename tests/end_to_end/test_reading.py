"""Real cards through real models: command line, server, and a client that knows nothing but the proto."""

import io
import json
import math
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_benchmarks.server_process import ServerProcess
from ktp_server.results import FIELD_NAMES, QUALITY_NAMES
from ktp_specimen.strata import Stratum
from tests.end_to_end.conftest import SpecimenSet, read_json, run_command

ROOT = Path(__file__).parents[2]

FOREIGN_CLIENT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import grpc
from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages, ktp_ocr_service_pb2_grpc as stubs
assert messages.__file__.startswith(sys.argv[1])
stub = stubs.KtpOcrServiceStub(grpc.insecure_channel(sys.argv[2]))
image = open(sys.argv[3], "rb").read()
card = stub.RecognizeCard(messages.RecognizeCardRequest(image=image)).recognition.card
fields = {
    descriptor.name: value.value
    for descriptor, value in card.ListFields()
    if getattr(descriptor.message_type, "name", "") == "Field"
}
print(json.dumps(fields))
"""


def values_of(line: dict[str, object]) -> dict[str, object]:
    """Values by field name of one line of `read --json`."""
    fields = line["fields"]
    assert isinstance(fields, dict)
    return {name: field["value"] for name, field in fields.items()}


@pytest.mark.parametrize("number", [0, 1])
def test_clean_card_is_read(specimens: SpecimenSet, number: int) -> None:
    truth = specimens.truths[Stratum.CLEAN][number]
    line = read_json(specimens.path(Stratum.CLEAN, number))[0]
    found, printed = values_of(line), truth.cards[0].fields
    exact_count = sum(found.get(name) == value for name, value in printed.items())
    assert found["nik"] == printed["nik"]
    assert exact_count >= 0.9 * len(printed), {name: (found.get(name), value) for name, value in printed.items()}


@pytest.mark.parametrize("stratum", [Stratum.CLEAN, Stratum.PHONE])
def test_server_and_command_line_agree(stub: stubs.KtpOcrServiceStub, specimens: SpecimenSet, stratum: Stratum) -> None:
    path = specimens.path(stratum)
    line = read_json(path)[0]
    card = stub.RecognizeCard(messages.RecognizeCardRequest(image=path.read_bytes())).recognition.card
    answered = {name: getattr(card, name) for name in FIELD_NAMES if card.HasField(name)}
    assert values_of(line) == {name: field.value for name, field in answered.items()}
    fields = line["fields"]
    assert isinstance(fields, dict)
    for name, field in answered.items():
        assert field.confidence == pytest.approx(fields[name]["confidence"], abs=1e-3)
        assert field.raw_value == fields[name]["raw_value"]


@pytest.mark.parametrize("degrees", [45.0, 135.0, 225.0, 315.0])
@pytest.mark.parametrize("number", [0, 1])
def test_a_card_half_way_between_two_quarter_turns_is_read(
    stub: stubs.KtpOcrServiceStub, specimens: SpecimenSet, number: int, degrees: float
) -> None:
    truth = specimens.truths[Stratum.CLEAN][number].cards[0]
    right = truth.quad[1] - truth.quad[0]
    turned = turn_picture(specimens.path(Stratum.CLEAN, number), degrees - math.degrees(math.atan2(right[1], right[0])))
    card = stub.RecognizeCard(messages.RecognizeCardRequest(image=turned)).recognition.card
    assert card.nik.value == truth.fields["nik"]
    assert card.rotation_degrees % 360.0 == pytest.approx(degrees, abs=3.0)


def turn_picture(path: Path, degrees: float) -> bytes:
    """A picture turned clockwise, with white around it, as a file."""
    with Image.open(path) as picture:
        turned = picture.convert("RGB").rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    file = io.BytesIO()
    turned.save(file, "JPEG", quality=95)
    return file.getvalue()


def test_client_generated_from_the_proto_alone(server: ServerProcess, specimens: SpecimenSet, tmp_path: Path) -> None:
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    (commands,) = re.findall(
        r"^    pip install grpcio-tools.*\n((?:    .*\n)+)", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE
    )
    first_here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", textwrap.dedent(commands)], check=True, cwd=tmp_path, env=os.environ | first_here)
    path = specimens.path(Stratum.CLEAN)
    command = [sys.executable, "-I", "-c", FOREIGN_CLIENT, str(tmp_path), f"127.0.0.1:{server.port}", str(path)]
    client = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(client.stdout) == values_of(read_json(path)[0])


def test_exit_status_tells_whether_any_failed(specimens: SpecimenSet) -> None:
    clean, empty = specimens.path(Stratum.CLEAN), specimens.path(Stratum.EMPTY)
    assert run_command("read", str(clean)).returncode == 0
    mixed = run_command("read", "--json", str(empty), str(clean), "missing.jpg")
    assert mixed.returncode == 1
    statuses = [json.loads(line)["status"] for line in mixed.stdout.splitlines()]
    assert statuses == ["CARD_NOT_FOUND", "OK", "REQUEST_INVALID"]


def test_folder_is_read_in_order(specimens: SpecimenSet) -> None:
    lines = read_json(specimens.folder)
    assert [Path(str(line["file"])).name for line in lines] == [f"{number:06d}.jpg" for number in range(8)]


def test_quality_and_geometry_are_reported(specimens: SpecimenSet) -> None:
    line = read_json(specimens.path(Stratum.CLEAN))[0]
    quality, card, timings = line["quality"], line["card"], line["timings_ms"]
    assert isinstance(quality, dict)
    assert isinstance(card, dict)
    assert isinstance(timings, dict)
    assert tuple(quality) == QUALITY_NAMES
    assert line["covered_fields"] == line["glare_quads"] == []
    assert len(card["quad"]) == 4
    assert -180.0 < card["rotation_degrees"] <= 180.0
    assert {"decode", "segmentation", "text_detection", "text_recognition", "fields", "total"} <= set(timings)


def test_check_tells_and_draws_without_reading(specimens: SpecimenSet, tmp_path: Path) -> None:
    several, clean = specimens.path(Stratum.SEVERAL), specimens.path(Stratum.CLEAN)
    outcome = run_command(
        *("check", str(clean), str(several), str(tmp_path / "nowhere.jpg")),
        *("--set", "several_cards=warn", "--set", "card_short_side_min=100 warn", "--pictures", str(tmp_path)),
    )
    assert outcome.returncode == 1
    assert outcome.stderr == ""
    assert "REQUEST_INVALID: the file cannot be read: No such file" in outcome.stdout
    rows = [row for row in outcome.stdout.splitlines() if row.startswith("single_card")]
    assert ["failed" in row for row in rows] == [False, True]
    assert "card: (" in outcome.stdout
    assert "text_detection" not in outcome.stdout
    names = [f"001-{clean.stem}.jpg", f"002-{several.stem}.jpg"]
    assert [path.name for path in sorted(tmp_path.iterdir())] == names


def test_demo_shows_a_table_and_writes_a_picture(specimens: SpecimenSet, tmp_path: Path) -> None:
    picture = tmp_path / "demo.png"
    outcome = run_command("demo", str(specimens.path(Stratum.CLEAN)), "--out", str(picture))
    assert outcome.returncode == 0, outcome.stderr
    assert "nik" in outcome.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_demo_has_a_specimen_of_its_own(tmp_path: Path) -> None:
    outcome = run_command("demo", "--out", str(tmp_path / "demo.jpg"))
    assert outcome.returncode == 0, outcome.stderr
    assert "0000" in outcome.stdout
