"""With ``channels`` only what happens in them is sent."""

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.events import Subject
from tests.data_plane.mapping.deliveries import Json, with_options
from tests.data_plane.mapping.forwarded import Forwarded

IN_CHANNEL = [event for event in Event if event.subject is not Subject.CUSTOMER]


def body(event: Event, slug: str | None) -> Json:
    channel = {"channel": None if slug is None else {"slug": slug}}
    order = {"id": "T3JkZXI6Nw==", "totalRefunded": {"amount": 5.0}, **channel}
    subject = {"id": "U3ViamVjdDox", "email": "a@example.net", **channel}
    return {event.subject.value: subject} | {"order": order}


@pytest.mark.parametrize("event", IN_CHANNEL)
def test_only_what_happens_in_the_channels_is_sent(event: Event) -> None:
    forwarded = Forwarded(with_options(channels=["de", "at"], naming="Spec", updates="Changed"))
    assert forwarded.take(event, body(event, "fr")) == []
    assert forwarded.rows == {}
    assert len(forwarded.take(event, body(event, "at"))) == 1


@pytest.mark.parametrize("event", Event)
def test_what_has_no_channel_is_sent(event: Event) -> None:
    assert len(Forwarded(with_options(channels=["de"])).take(event, body(event, None))) == 1


@pytest.mark.parametrize("event", Event)
def test_without_channels_all_are_sent(event: Event) -> None:
    assert len(Forwarded().take(event, body(event, "anything"))) == 1
