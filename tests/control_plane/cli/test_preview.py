"""The preview: files and standard input in, messages, tables and remarks out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_operator.cli.main import invoke
from saleor_segment_operator.cli.preview import preview
from tests.data_plane.mapping.deliveries import FIXTURES, captured
from tests.data_plane.mapping.golden import golden_path

Json = dict[str, Any]
CAPTURES = FIXTURES / "saleor"
INTEGRATION = """\
apiVersion: saleor-segment.io/v1alpha1
kind: SaleorSegmentIntegration
metadata: {name: %(name)s}
spec:
  saleor:
    apiUrl: https://shop.example.com/graphql/
    app: {managed: {credentialsSecretRef: {name: nowhere}}}
  segment: {writeKeySecretRef: {name: nowhere}}
  tracking: %(tracking)s
"""


@dataclass
class Done:
    """A preview that has ended."""

    code: int
    out: str
    err: str

    @property
    def messages(self) -> list[Json]:
        return [json.loads(line) for line in self.out.splitlines()]


class Configured:
    """A folder with an integration, and what is previewed with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifests = folder / "integration.yaml"
        self.track()

    def track(self, **tracking: Any) -> None:
        text = INTEGRATION % {"name": "main-shop", "tracking": json.dumps(tracking)}
        self.manifests.write_text(text)

    def body(self, name: str, document: Any) -> Path:
        path = self.folder / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def arguments(self, *deliveries: Path | str, **flags: str) -> list[str]:
        arguments = ["-f", str(self.manifests)]
        for delivery in deliveries:
            arguments += ["--delivery", str(delivery)]
        for flag, value in flags.items():
            arguments += [f"--{flag}", value]
        return arguments

    def preview(self, *deliveries: Path | str, **flags: str) -> Done:
        out, err = TextIOWrapper(BytesIO(), encoding="utf-8"), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = invoke(preview, self.arguments(*deliveries, **flags))
        out.seek(0)
        return Done(code, out.read(), err.getvalue())


@pytest.fixture
def here(tmp_path: Path) -> Configured:
    return Configured(tmp_path)


def capture(name: str) -> Path:
    return CAPTURES / "webhooks2" / f"{name}.json"


def _ids(messages: list[Json]) -> Iterator[Json]:
    """Leave out what is made with the salt, and our version."""
    for message in messages:
        context = {**message["context"], "app": {}, "library": {}}
        yield {**message, "messageId": None, "context": context}


@pytest.mark.parametrize("naming", ["Saleor", "Spec"])
def test_jsonl_is_the_messages_as_the_server_would_send_them(here: Configured, naming: str) -> None:
    here.track(naming=naming)
    name = "order-created.tax-inclusive.voucher-fixed"
    done = here.preview(capture(name), output="jsonl")
    golden = json.loads(golden_path(f"{naming.lower()}/{name}").read_text())
    assert done.code == 0
    assert list(_ids(done.messages)) == list(_ids(golden["messages"]))
    assert "salt of this preview" in done.err


def test_several_deliveries_go_through_one_ledger(here: Configured) -> None:
    series = sorted(
        (one for one in captured("webhooks2") if one.name.startswith("order-refunded.odd-refunds")),
        key=lambda one: one.document["issuedAt"],
    )
    total = max(one.document["order"]["totalRefunded"]["amount"] for one in series)
    files = [capture(one.name) for one in series]
    done = here.preview(*files, files[0], output="json")
    deliveries = json.loads(done.out)["deliveries"]
    messages = [message for each in deliveries for message in each["messages"]]
    assert len(series) > 1
    assert sum(message["properties"]["total"] for message in messages) == pytest.approx(total)
    assert deliveries[-1]["nothingIsSent"].startswith("it is the same delivery as ")


def test_a_raw_body_may_come_by_standard_input(here: Configured) -> None:
    stored = json.loads(capture("order-created.jpy").read_text())
    program = "from saleor_segment_operator.cli.main import main; main()"
    command = [sys.executable, "-c", program, "preview", *here.arguments("-", output="jsonl")]
    ended = subprocess.run(command, input=stored["body"].encode(), capture_output=True, check=False)
    done = Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
    assert [message["event"] for message in done.messages] == ["Saleor Order Created"]


def test_a_body_that_does_not_say_its_event_is_told_it(here: Configured) -> None:
    body = here.body("body.json", {"order": {"id": "T3JkZXI6MQ==", "userEmail": "a@example.net"}})
    assert here.preview(body).err == (
        f"{body}: does not say which event it is: add --event, as ORDER_CREATED\n"
    )
    done = here.preview(body, event="order_created", output="jsonl")
    assert [message["event"] for message in done.messages] == ["Saleor Order Created"]


def test_the_document_tells_what_is_unknown_missing_and_empty(here: Configured) -> None:
    order: Json = {"id": "T3JkZXI6MQ==", "number": "", "user": None, "weight": {"value": 1}}
    order["lines"] = [{"id": "line", "quantity": 1, "taxRate": 0.2, "variant": {"product": {}}}]
    body = here.body("body.json", {"__typename": "OrderCreated", "order": order})
    done = here.preview(body, output="json")
    fields = json.loads(done.out)["deliveries"][0]["fields"]
    assert fields["unknown"] == ["order.weight", "order.lines.taxRate"]
    assert fields["empty"] == ["order.number", "order.user"]
    assert {"issuedAt", "order.total", "order.lines.totalPrice"} <= set(fields["missing"])
    assert "order.lines.variant.product.id" in fields["missing"]


def test_what_privacy_forbids_is_not_asked_for(here: Configured) -> None:
    here.track(privacy={"email": "Omit"})
    order = {"id": "T3JkZXI6MQ==", "user": {"id": "VXNlcjox"}, "userEmail": "a@example.net"}
    body = here.body("body.json", {"__typename": "OrderCreated", "order": order})
    fields = json.loads(here.preview(body, output="json").out)["deliveries"][0]["fields"]
    assert fields["unknown"] == ["order.userEmail"]


@pytest.mark.parametrize(
    ("tracking", "reason"),
    [
        ({"channels": ["elsewhere"]}, "its channel is not among tracking.channels"),
        (
            {
                "consent": {
                    "metadataKey": "c",
                    "categories": {"Advertising": "ads"},
                    "unknown": "Drop",
                }
            },
            "no consent is recorded, and tracking.consent.unknown is Drop",
        ),
    ],
)
def test_it_says_why_nothing_is_sent(here: Configured, tracking: Json, reason: str) -> None:
    here.track(**tracking)
    delivery = capture("order-created.jpy")
    assert f"nothing is sent: {reason}" in here.preview(delivery).out
    done = here.preview(delivery, output="jsonl")
    assert (done.code, done.out) == (0, "")
    assert f"{delivery}: nothing is sent: {reason}\n" in done.err


def test_an_update_of_nothing_is_not_sent(here: Configured) -> None:
    here.track(updates="Changed")
    stored = json.loads(capture("order-updated.jpy.paid").read_text())
    first = json.loads(stored["body"])
    second = {**first, "issuedAt": "2026-11-30T00:00:00+00:00"}
    files = here.body("1.json", first), here.body("2.json", second)
    document = json.loads(here.preview(*files, output="json").out)
    assert [len(each["messages"]) for each in document["deliveries"]] == [1, 0]
    assert "updates is Changed" in document["deliveries"][1]["nothingIsSent"]


def test_an_event_that_is_not_asked_for_is_said(here: Configured) -> None:
    delivery = capture("order-paid.jpy.paid")
    assert "nothing is sent: ORDER_PAID is not among spec.events" in here.preview(delivery).out


def test_the_table_has_a_source_for_every_value(here: Configured) -> None:
    here.track(privacy={"name": "Plain", "address": "Plain"}, identify=True)
    done = here.preview(capture("order-created.tax-inclusive.voucher-fixed"))
    rows = [line for line in done.out.splitlines() if line.startswith("    ")]
    assert len(rows) > 40
    start = rows[0].index("source")
    assert [row for row in rows if not row[start:].strip()] == []
    line = next(row for row in rows if "properties.products[0].price " in row)
    assert line.endswith("÷ order.lines.quantity, to six decimals")


def test_what_moves_a_cursor_is_escaped_in_tables(here: Configured) -> None:
    order = {"id": "T3JkZXI6MQ==", "number": "7\x1b[2J\u202e", "userEmail": "a@example.net"}
    body = here.body("body.json", {"__typename": "OrderCreated", "order": order})
    out = here.preview(body).out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_refunds_from_before_the_integration_are_told_apart(here: Configured) -> None:
    order = {
        "id": "T3JkZXI6MQ==",
        "created": "2026-01-01T00:00:00Z",
        "userEmail": "a@example.net",
        "totalRefunded": {"amount": 5, "currency": "EUR"},
    }
    body = here.body("body.json", {"__typename": "OrderRefunded", "order": order})
    (told,) = here.preview(body, output="jsonl", since="2026-02-01T00:00:00Z").messages
    assert told["properties"]["refund_is_cumulative"] is True
    (told,) = here.preview(body, output="jsonl").messages
    assert "refund_is_cumulative" not in told["properties"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ('{"__typename": "GiftCardSent"}', "GiftCardSent is no event that can be sent to Segment"),
        ('{"request": {}, "body": {}}', "body must be text"),
        ('{"request": {"headers": [1]}, "body": "{}"}', "request.headers must be a list"),
        ('{"request": {}, "body": "{"}', "the body is no JSON"),
        ('[{"id": "legacy"}]', "does not say which event it is"),
    ],
)
def test_a_delivery_that_cannot_be_used_is_one_line_with_its_file(
    here: Configured, content: str, complaint: str
) -> None:
    body = here.body("body.json", content)
    done = here.preview(body)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"{body}: ")
    assert complaint in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
def test_a_delivery_that_cannot_be_mapped_hides_no_other(here: Configured, output: str) -> None:
    bad = here.body("bad.json", {"__typename": "OrderCreated", "order": {}})
    done = here.preview(bad, capture("order-created.jpy"), output=output)
    assert done.code == 2
    assert "Saleor Order Created" in done.out
    assert "order.id is missing" in (done.err if output == "jsonl" else done.out)
    assert done.err.endswith(f"cannot be mapped: {bad} (1 of 2)\n")


def test_what_cannot_be_mapped_is_told_with_its_whole_path(here: Configured) -> None:
    price = {"gross": {"amount": "12 secret"}}
    lines = [{"quantity": 1}, {"quantity": 1, "unitPrice": price, "totalPrice": price}]
    order = {"id": "T3JkZXI6MQ==", "userEmail": "a@example.net", "lines": lines}
    body = here.body("bad.json", {"__typename": "OrderCreated", "order": order})
    (told,) = json.loads(here.preview(body, output="json").out)["deliveries"]
    assert told["cannotBeMapped"].startswith("order.lines[1].")
    assert told["cannotBeMapped"].endswith("Price.gross.amount is not an amount of money")


def test_the_legacy_payload_is_no_list_of_missing_fields(here: Configured) -> None:
    done = here.preview(here.body("legacy.json", [{"id": "legacy"}]), event="ORDER_CREATED")
    assert "cannot be mapped: the body is Saleor's legacy payload" in done.out
    assert "asked for" not in done.out


def test_a_root_field_says_which_event_it_is(here: Configured) -> None:
    order = {"id": "T3JkZXI6MQ==", "userEmail": "a@example.net"}
    body = here.body("body.json", {"data": {"orderCreated": {"order": order}}})
    done = here.preview(body, output="jsonl")
    assert [message["event"] for message in done.messages] == ["Saleor Order Created"]


def test_an_event_that_contradicts_the_delivery_is_refused(here: Configured) -> None:
    delivery = capture("order-created.jpy")
    done = here.preview(delivery, event="ORDER_PAID")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"{delivery}: says that it is ORDER_CREATED: leave --event ORDER_PAID out\n"
    assert here.preview(delivery, event="ORDER_CREATED").code == 0


def test_a_missing_file_and_a_broken_integration_are_one_line(here: Configured) -> None:
    done = here.preview(here.folder / "gone.json")
    assert done.code == 2
    assert "gone.json: cannot be read" in done.err
    here.track(naming="Own")
    done = here.preview(capture("order-created.jpy"))
    assert done.code == 2
    assert done.err.startswith(f"{here.manifests}:9: spec.tracking.naming: ")


def test_one_of_several_integrations_is_chosen_by_name(here: Configured) -> None:
    both = [INTEGRATION % {"name": name, "tracking": "{}"} for name in ("one", "two")]
    here.manifests.write_text("---\n".join(both))
    done = here.preview(capture("order-created.jpy"))
    assert done.code == 2
    assert done.err.endswith(
        "name one of its integrations with --integration: default/one, default/two\n"
    )
    done = here.preview(capture("order-created.jpy"), integration="two", output="json")
    assert json.loads(done.out)["integration"] == "default/two"
