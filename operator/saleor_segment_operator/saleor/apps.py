"""Apps: how their mutations are read, and what their refusals mean."""

from typing import Any

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor.client import Data
from saleor_segment_operator.saleor.models import App
from saleor_segment_operator.saleor.refusals import MutationRefused, payload

UID_KEY = "saleor-segment.io/uid"
"""Key of an app's public metadata; the fragment ``AppFields`` reads it."""


def read_own(data: Data) -> App | None:
    """Read ``OwnApp``: ``None`` where the caller is no app."""
    return None if data["app"] is None else App.parse(data["app"])


def read_page(data: Data) -> tuple[list[App], str | None]:
    """Read ``FindApps``: the apps, and the cursor of the next page if there is one."""
    page = data["apps"]["pageInfo"]
    apps = [App.parse(edge["node"]) for edge in data["apps"]["edges"]]
    return apps, str(page["endCursor"]) if page["hasNextPage"] else None


def read_created(data: Data) -> tuple[App, str]:
    """Read ``CreateApp``: the app, and the token that is shown this once."""
    answer = payload(data, "appCreate")
    return App.parse(answer["app"]), str(answer["authToken"])


def metadata(uid: str) -> list[dict[str, Any]]:
    """Return the metadata that says whose an app is."""
    return [{"key": UID_KEY, "value": uid}]


def refusal(refused: MutationRefused, api_url: str) -> Blocked | Unavailable:
    """Tell what it means that a mutation of an app was refused."""
    where = f"in Saleor at {api_url}"
    if refused.permissions:
        names = " and ".join(refused.permissions)
        message = (
            f"The staff user lacks {names} {where}, so it cannot give it to an app: grant it to "
            "the user through a permission group, or leave out of spec.events what needs it."
        )
        return Blocked(Reason.PERMISSION_MISSING, message)
    if "OUT_OF_SCOPE_APP" in refused.codes:
        message = (
            f"The staff user may not manage the app {where}, which has permissions that the user "
            "lacks: grant the user all of the app's."
        )
        return Blocked(Reason.PERMISSION_MISSING, message)
    if "NOT_FOUND" in refused.codes:
        return Unavailable(Reason.APP_GONE, f"The app is gone {where}: looked for again.")
    return Blocked(Reason.SALEOR_REFUSED, f"An app was refused {where} ({refused}).")
