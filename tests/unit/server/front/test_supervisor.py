"""What each of several workers gets of the whole server's settings."""

from hypothesis import given
from hypothesis import strategies as st

from ktp_server.front.supervisor import share_settings
from ktp_server.settings import Settings

counts = st.integers(1, 64)


@given(counts, counts, counts)
def test_shares_are_fair_and_never_nothing(workers: int, places: int, threads: int) -> None:
    whole = Settings(
        workers=workers,
        max_in_flight_count=places,
        bulk_in_flight_count=places,
        open_call_count=places,
        cpu_worker_count=threads,
        engine_worker_count=threads,
        engine_thread_count=threads,
    )
    share = share_settings(whole)
    for count in (share.max_in_flight_count, share.bulk_in_flight_count, share.open_call_count):
        assert places <= count * workers < places + workers
    for count in (share.cpu_worker_count, share.engine_worker_count, share.engine_thread_count):
        assert count == 1 if threads < workers else threads - workers < count * workers <= threads


def test_what_is_not_counted_for_the_whole_server_stays() -> None:
    whole = Settings(workers=3, drain_grace_s=7.0, stream_in_flight_count=5)
    share = share_settings(whole)
    assert (share.drain_grace_s, share.stream_in_flight_count, share.workers) == (7.0, 5, 3)
