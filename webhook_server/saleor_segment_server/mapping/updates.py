"""Whether an update of an order says anything new (``updates: Changed``).

Saleor sends ORDER_UPDATED beside nearly every other event, and often for what is not mapped. So
the ledger keeps a hash of the last message about each order, of whichever event but a refund, and
an update with the same hash is not sent.

What counts is all that Segment gets, but: the name, id and time of the message; our own version;
and the addresses of pictures, which Saleor changes by itself once it has made a thumbnail.

Where in doubt an update is sent: of an order of which nothing is remembered, and one that arrives
after a later one, since it does differ. A message that Segment refused counts as told.
"""

import hashlib

import orjson

from saleor_segment_server.message import Message

_OWN = ("event", "messageId", "timestamp")
_OWN_CONTEXT = ("app", "library")


def told_hash(message: Message) -> str:
    """Return the hash of what ``message`` tells of its order: 32 hex digits."""
    item = orjson.loads(message.payload)
    for key in _OWN:
        item.pop(key, None)
    for key in _OWN_CONTEXT:
        item["context"].pop(key, None)
    for product in item["properties"].get("products", ()):
        product.pop("image_url", None)
    content = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:32]
