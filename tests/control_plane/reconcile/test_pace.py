import pytest

from saleor_segment_operator.reconcile.pace import Pace
from saleor_segment_operator.resource import Key

A, B = Key("shop", "a"), Key("shop", "b")


def pace(random: float = 1.0) -> Pace:
    return Pace(resync=300, random=lambda: random)


def test_progress_goes_on_at_once() -> None:
    assert pace().after_progress(A) == 0


def test_progress_that_never_ends_slows_down_to_a_pass_a_minute() -> None:
    pacer = pace()
    delays = [pacer.after_progress(A) for _ in range(40)]
    assert delays[:20] == [0] * 20
    assert delays[20:25] == [1, 2, 4, 8, 16]
    assert delays[-1] == 60


def test_trouble_backs_off_to_a_minute_and_calm_ends_it() -> None:
    pacer = pace()
    assert [pacer.after_trouble(A) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    pacer.after_calm(A)
    assert pacer.after_trouble(A) == 1


def test_trouble_of_one_key_does_not_slow_another() -> None:
    pacer = pace()
    pacer.after_trouble(A)
    pacer.after_trouble(A)
    assert pacer.after_trouble(B) == 1


def test_trouble_waits_as_long_as_it_was_asked_to() -> None:
    assert pace().after_trouble(A, 120) == 120
    assert pace().after_trouble(A, 0.1) == 1


@pytest.mark.parametrize(("random", "backoff", "resync"), [(0.0, 0.5, 270), (1.0, 1.0, 330)])
def test_passes_are_spread(random: float, backoff: float, resync: float) -> None:
    assert pace(random).after_trouble(A) == pytest.approx(backoff)
    assert pace(random).after_calm(A) == pytest.approx(resync)


def test_calm_looks_again_early_where_that_is_worth_while() -> None:
    assert pace().after_calm(A, 0.5) == 0.5
    assert pace().after_calm(A, 4000) == pytest.approx(330)
