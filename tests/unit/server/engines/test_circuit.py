"""When a server gets calls, and when it is asked whether it is well."""

from collections.abc import Callable

import pytest

from ktp_server.engines.circuit import FAULTS_UNTIL_CUT_COUNT, HEARTBEAT_INTERVAL_S, SILENCE_S, Circuit


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    """Restored, and both models have just answered."""
    circuit = Circuit(["first", "second"], clock)
    circuit.restore()
    circuit.note_answer("first")
    circuit.note_answer("second")
    return circuit


def test_nothing_is_known_at_first() -> None:
    circuit = Circuit(["first"])
    assert (circuit.usable, circuit.is_doubtful) == (False, True)


def test_faults_in_a_row_cut(circuit: Circuit) -> None:
    for _ in range(FAULTS_UNTIL_CUT_COUNT - 1):
        circuit.note_fault("first")
    assert (circuit.usable, circuit.is_doubtful) == (True, False)
    circuit.note_fault("first")
    assert (circuit.usable, circuit.is_doubtful) == (False, True)


def test_an_answer_between_faults_forgives(circuit: Circuit) -> None:
    for _ in range(3 * FAULTS_UNTIL_CUT_COUNT):
        circuit.note_fault("first")
        circuit.note_answer("first")
    assert circuit.usable


def test_answers_of_one_model_do_not_hide_that_another_is_gone(circuit: Circuit) -> None:
    """A card asks its models by turns: the healthy ones must not reset the count of the dead one."""
    for _ in range(FAULTS_UNTIL_CUT_COUNT):
        circuit.note_answer("first")
        circuit.note_fault("second")
    assert not circuit.usable


def test_a_certain_fault_cuts_at_once(circuit: Circuit) -> None:
    circuit.note_fault("first", is_certain=True)
    assert not circuit.usable


def test_restoring_forgets_old_faults(circuit: Circuit) -> None:
    circuit.note_fault("first")
    circuit.cut()
    circuit.restore()
    for _ in range(FAULTS_UNTIL_CUT_COUNT - 1):
        circuit.note_fault("first")
    assert circuit.usable


def silence(circuit: Circuit) -> None:
    circuit.note_silence("first")


def wait(_: Circuit) -> None:
    """Nothing happens."""


@pytest.mark.parametrize(
    ("quiet_s", "event", "is_doubtful"),
    [
        (0.9 * SILENCE_S, silence, False),
        (SILENCE_S, silence, True),
        (SILENCE_S, wait, False),
        (0.9 * HEARTBEAT_INTERVAL_S, wait, False),
        (HEARTBEAT_INTERVAL_S, wait, True),
    ],
)
def test_silence_and_quiet_cast_doubt_but_do_not_cut(
    circuit: Circuit, clock: Clock, quiet_s: float, event: Callable[[Circuit], None], is_doubtful: bool
) -> None:
    clock.now_s += quiet_s
    event(circuit)
    assert (circuit.usable, circuit.is_doubtful) == (True, is_doubtful)


def test_a_model_that_nobody_asks_is_in_doubt_although_the_others_answer(circuit: Circuit, clock: Clock) -> None:
    clock.now_s += HEARTBEAT_INTERVAL_S
    circuit.note_answer("first")
    assert circuit.is_doubtful
    circuit.note_answer("second")
    assert not circuit.is_doubtful


def test_a_model_that_answers_others_is_not_taken_for_another_that_is_silent(circuit: Circuit, clock: Clock) -> None:
    began_s = clock.now_s
    clock.now_s += 1.0
    circuit.note_answer("first")
    assert circuit.has_answered_since("first", began_s)
    assert not circuit.has_answered_since("second", began_s)


async def test_doubt_wakes_who_waits_for_it(circuit: Circuit) -> None:
    circuit.cut()
    await circuit.wait_for_doubt(timeout_s=3600.0)
    circuit.restore()
    await circuit.wait_for_doubt(timeout_s=0.01)
    assert circuit.usable
