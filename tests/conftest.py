"""Settings of all tests."""

from hypothesis import settings

# A time limit for each example fails on a busy machine, not on a fault.
settings.register_profile("ktp-ocr", deadline=None)
settings.load_profile("ktp-ocr")
