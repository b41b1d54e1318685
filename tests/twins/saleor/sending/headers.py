"""The headers of a delivery, in Saleor's order and spelling (saleor/webhook/transport/utils.py)."""

import hashlib
import hmac
import json
from urllib.parse import urlsplit

from multidict import CIMultiDict

from tests.twins.saleor.sending.deliveries import Delivery
from tests.twins.saleor.state import State

_TRANSPORT = {"Accept-Encoding", "Accept", "Connection", "Host"}


def delivery_headers(state: State, delivery: Delivery) -> CIMultiDict[str]:
    """Return the headers of one attempt, signed with the key of this moment."""
    event, signature = delivery.event.lower(), _signature(state, delivery)
    trace, span = state.names.hexadecimal(32), state.names.hexadecimal(16)
    headers = CIMultiDict(
        [
            ("User-Agent", f"Saleor/{state.version.schema}"),
            ("Accept-Encoding", "gzip, deflate"),
            ("Accept", "*/*"),
            ("Connection", "keep-alive"),
            ("Content-Type", "application/json"),
            ("X-Saleor-Event", event),
            ("X-Saleor-Domain", state.domain),
            ("X-Saleor-Signature", signature),
            ("Saleor-Event", event),
            ("Saleor-Domain", state.domain),
            ("Saleor-Signature", signature),
            ("Saleor-Api-Url", state.public_api_url),
            ("traceparent", f"00-{trace}-{span}-01"),
        ]
    )
    headers.update(delivery.webhook.headers)  # x-saleor-* replaces, as Saleor lets it
    headers["Host"] = urlsplit(delivery.webhook.target_url).hostname or ""  # never with a port
    return headers


def recorded(headers: CIMultiDict[str]) -> str:
    """Return the headers as Saleor keeps them with the attempt, as JSON."""
    kept = {name: value for name, value in headers.items() if name not in _TRANSPORT}
    agent = kept.pop("User-Agent")
    return json.dumps(kept | {"User-Agent": agent})


def _signature(state: State, delivery: Delivery) -> str:
    if secret := delivery.webhook.secret_key:
        return hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    body = delivery.body + b" " * state.faults.wrong_signature
    return state.accounts.key.sign_detached(body)
