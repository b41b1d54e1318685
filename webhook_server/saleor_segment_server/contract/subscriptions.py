"""What Saleor is asked to send of each event: shaped by the options, and by nothing else.

Selections are valid from Saleor 3.20 to 3.24 and readable with the event's permission alone: a
field that an app may not read becomes null without an error, so nothing beyond that is ever asked
for. What may not be sent is not asked for either, and so never stored.
"""

import textwrap
from collections.abc import Collection, Sequence

from saleor_segment_server.contract.events import Event, Permission
from saleor_segment_server.contract.selections import selections
from saleor_segment_server.contract.tracking import COMPLETING, CompletedOn, Tracking

_SUBSCRIPTION = """\
subscription {
  event {
    __typename
    issuedAt
    recipient { id }
    ... on %(type)s {
%(fields)s
    }
  }
}
"""


def subscribed(events: Sequence[Event], tracking: Tracking) -> tuple[Event, ...]:
    """Return the events to subscribe to: those asked for, and what an option needs besides."""
    needed = COMPLETING[tracking.completed_on]
    # Created is the default: who left it alone and ORDER_CREATED out wants no Order Completed.
    if tracking.completed_on is CompletedOn.CREATED or needed in events:
        return (*events,)
    return (*events, needed)


def permissions(events: Sequence[Event]) -> tuple[Permission, ...]:
    """Return what an app must hold to be sent these events, each once."""
    return tuple(dict.fromkeys(event.permission for event in events))


def subscription(event: Event, tracking: Tracking, *, held: Collection[Permission] = ()) -> str:
    """Return the GraphQL subscription to register for ``event`` under these options.

    Args:
        event: The event.
        tracking: The options.
        held: What the app holds besides the event's own permission. One that may read customers
            is told whose a checkout is; another would be sent null.
    """
    asked = selections(event, tracking, reads_users=Permission.MANAGE_USERS in held)
    fields = "\n".join(_field(name, selection) for name, selection in asked.items())
    return _SUBSCRIPTION % {"type": event.type_name, "fields": fields}


def _field(name: str, selection: str) -> str:
    lines = "\n".join("  " + line for line in selection.splitlines())
    return textwrap.indent(f"{name} {{\n{lines}\n}}", " " * 6)
