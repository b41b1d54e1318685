"""Batches keep Segment's limits to the byte, and a refused one is taken apart without loss."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.message import Message
from saleor_segment_server.segment import MAX_BYTES, Bisection, pack, smaller
from saleor_segment_server.segment.batch import LEAST_BYTES, MAX_MESSAGES, encode

KEY = 'a "write" key with ünicode'
SENT_AT = "2026-11-24T10:00:00.000Z"


def sized(*sizes: int) -> list[Message]:
    return [Message(str(n), b'"' + b"x" * (size - 2) + b'"') for n, size in enumerate(sizes)]


def body(messages: list[Message]) -> bytes:
    return encode(messages, sent_at=SENT_AT, write_key=KEY)


def test_a_body_is_the_items_as_they_are_the_moment_and_the_key() -> None:
    items = [Message("1", b'{"messageId":"1"}'), Message("2", b'{"messageId":"2"}')]
    assert orjson.loads(body(items)) == {
        "batch": [{"messageId": "1"}, {"messageId": "2"}],
        "sentAt": SENT_AT,
        "writeKey": KEY,
    }


@given(
    sizes=st.lists(st.integers(2, 32_000), max_size=60),
    max_bytes=st.integers(LEAST_BYTES, MAX_BYTES),
)
def test_batches_follow_each_other_and_none_is_too_large_or_smaller_than_it_could_be(
    sizes: list[int], max_bytes: int
) -> None:
    messages = sized(*sizes)
    ranges = list(pack(messages, write_key=KEY, max_bytes=max_bytes))
    assert [place for batch in ranges for place in batch] == list(range(len(messages)))
    for batch in ranges:
        assert len(body(messages[batch.start : batch.stop])) <= max_bytes
    for batch in ranges[:-1]:
        assert len(body(messages[batch.start : batch.stop + 1])) > max_bytes


def test_a_batch_fills_its_limit_to_the_last_byte() -> None:
    envelope = len(body([]))
    first, second = 30_000, MAX_BYTES - envelope - 30_000 - 1
    assert list(pack(sized(first, second), write_key=KEY)) == [range(2)]
    assert list(pack(sized(first, second + 1), write_key=KEY)) == [range(1), range(1, 2)]


def test_a_batch_holds_at_most_500_messages() -> None:
    ranges = list(pack(sized(*[2] * 1001), write_key=KEY))
    assert ranges == [range(500), range(500, 1000), range(1000, 1001)]
    assert MAX_MESSAGES == 500


def test_a_message_too_large_for_the_limit_goes_alone() -> None:
    messages = sized(100, 60_000, 100)
    assert list(pack(messages, write_key=KEY, max_bytes=LEAST_BYTES)) == [
        range(1),
        range(1, 2),
        range(2, 3),
    ]


def test_the_learned_size_is_half_of_what_was_refused_and_holds_any_message() -> None:
    assert smaller(475_000) == 237_500
    assert smaller(50_000) == LEAST_BYTES > 32_000 + len(body([]))


def drive(size: int, poison: set[int]) -> tuple[Bisection, list[tuple[range, list[int]]], int]:
    """Send a batch to an endpoint that refuses what holds poison; watch what is decided."""
    bisection = Bisection(range(10, 10 + size))
    watched, requests = [], 0
    while (part := bisection.part) is not None:
        requests += 1
        if poison & set(part):
            bisection.refuse("status 400")
        else:
            bisection.accept()
        watched.append((bisection.decided, list(bisection.refused)))
    return bisection, watched, requests


def test_a_batch_that_is_accepted_is_decided_whole() -> None:
    _, watched, _ = drive(7, set())
    assert watched == [(range(10, 17), [])]


def test_one_poisoned_message_is_found_in_few_requests() -> None:
    bisection, _, requests = drive(500, {300})
    assert bisection.refused == {300: "status 400"}
    assert requests <= 19


def test_nothing_is_decided_before_a_sibling_was_accepted() -> None:
    _, watched, _ = drive(4, {10, 11})
    assert watched == [
        (range(10, 10), []),  # all four
        (range(10, 10), []),  # the left two
        (range(10, 10), [10]),
        (range(10, 10), [10, 11]),
        (range(10, 14), [10, 11]),  # the right two are accepted
    ]


@given(size=st.integers(1, 40), data=st.data())
def test_each_message_is_accepted_or_refused_once_and_fates_are_told_in_order(
    size: int, data: st.DataObject
) -> None:
    places = range(10, 10 + size)
    poison = data.draw(st.sets(st.sampled_from(list(places))))
    bisection, watched, _ = drive(size, poison)
    assert sorted(bisection.refused) == sorted(poison)
    assert bisection.hopeless == (len(poison) == size)
    assert bisection.decided == (places[:0] if bisection.hopeless else places)
    told = 10
    for decided, refused in watched:
        assert decided.start == 10
        assert decided.stop >= told or not decided
        told = max(told, decided.stop)
        assert poison & set(decided) == set(refused) & set(decided)


def test_a_single_message_that_is_refused_is_hopeless() -> None:
    bisection, watched, _ = drive(1, {10})
    assert bisection.hopeless
    assert watched == [(range(10, 10), [10])]
