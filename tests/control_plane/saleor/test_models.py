"""Webhooks as they are against those that should be."""

from dataclasses import replace
from typing import Any

import pytest

from saleor_segment_operator.saleor import StaffCredentials, Webhook, WebhookDraft, drift
from saleor_segment_server.contract import Event

DRAFT = WebhookDraft(
    event=Event.ORDER_CREATED,
    name="ours/ORDER_CREATED",
    identifier="ours/ORDER_CREATED",
    target_url="https://hooks.example.com/1/ORDER_CREATED",
    query="subscription { event { __typename } }",
)
WEBHOOK = Webhook(
    id="V2ViaG9vazox",
    name=DRAFT.name,
    identifier=DRAFT.identifier,
    target_url=DRAFT.target_url,
    events=("ORDER_CREATED",),
    query=DRAFT.query,
    is_active=True,
)


def test_a_webhook_that_is_as_it_should_be_has_not_drifted() -> None:
    assert drift(DRAFT, WEBHOOK) == ()


def test_being_enabled_or_not_is_no_drift() -> None:
    assert drift(DRAFT, replace(WEBHOOK, is_active=False)) == ()


def test_blanks_around_the_query_are_no_drift() -> None:
    assert drift(DRAFT, replace(WEBHOOK, query=f"\n{DRAFT.query}\n")) == ()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"name": "mine"}, "name"),
        ({"identifier": None}, "identifier"),
        ({"target_url": "https://elsewhere.example.com"}, "target URL"),
        ({"events": ("ORDER_UPDATED",)}, "event"),
        ({"events": ("ORDER_CREATED", "ORDER_UPDATED")}, "event"),
        ({"events": ()}, "event"),
        ({"query": ""}, "query"),
        ({"has_headers": True}, "custom headers"),
        ({"has_secret": True}, "secret key"),
    ],
)
def test_each_difference_is_named(change: dict[str, Any], name: str) -> None:
    assert drift(DRAFT, replace(WEBHOOK, **change)) == (name,)


def test_all_differences_are_named() -> None:
    webhook = replace(WEBHOOK, name="mine", has_secret=True)
    assert drift(DRAFT, webhook) == ("name", "secret key")


def test_before_identifiers_a_missing_one_is_no_drift() -> None:
    assert drift(DRAFT, replace(WEBHOOK, identifier=None, takes_identifier=False)) == ()


def test_credentials_do_not_show_themselves() -> None:
    shown = repr(StaffCredentials("staff@example.com", "hunter2"))
    assert "staff@" not in shown
    assert "hunter2" not in shown


def test_a_digest_tells_credentials_apart() -> None:
    digests = {
        StaffCredentials(email, password).digest
        for email, password in [("a", "b"), ("a", "c"), ("ab", ""), ("", "ab"), ('a","b', "")]
    }
    assert len(digests) == 5
