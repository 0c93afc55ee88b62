"""Settings of all tests."""

import signal

import pytest
from hypothesis import settings

# What this module asserts is told with its values, as in the tests that inherit it.
pytest.register_assert_rewrite("tests.contract.engine_contract")

# A time limit for each example fails on a busy machine, not on a fault.
settings.register_profile("ktp-ocr", deadline=None)
settings.load_profile("ktp-ocr")

# A shell's background jobs ignore SIGINT, and so would every process that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
