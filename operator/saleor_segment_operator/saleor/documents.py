"""The GraphQL operations, read from the ``.graphql`` files beside this module."""

from importlib.resources import files

_FOLDER = files(__package__) / "operations"


def _read(*names: str) -> str:
    return "\n".join((_FOLDER / f"{name}.graphql").read_text("utf-8") for name in names)


class WebhookDocuments:
    """The operations that read webhooks, in one spelling of what a webhook is."""

    def __init__(self, fields: str) -> None:
        self.own_app = _read("own_app", "app_fields", fields)
        """Query of the caller's app with its webhooks."""
        self.create = _read("create_webhook", fields)
        """Mutation that creates a webhook."""
        self.update = _read("update_webhook", fields)
        """Mutation that changes a webhook."""


WITHOUT_IDENTIFIERS = WebhookDocuments("webhook_fields_3_20")
"""For Saleor 3.20 to 3.22."""
WITH_IDENTIFIERS = WebhookDocuments("webhook_fields_3_23")
"""For Saleor from 3.23."""

READ_VERSION = _read("read_version")
READ_OWN_URL = _read("read_own_url")
FIND_APPS = _read("find_apps", "app_fields")
CREATE_APP = _read("create_app", "app_fields")
MARK_APP = _read("mark_app")
GRANT_PERMISSIONS = _read("grant_permissions")
CREATE_TOKEN = _read("create_token")
DELETE_APP = _read("delete_app")
SWITCH_WEBHOOKS = _read("switch_webhooks")
DELETE_WEBHOOK = _read("delete_webhook")
READ_DELIVERIES = _read("read_deliveries")
RETRY_DELIVERY = _read("retry_delivery")
LOG_IN = _read("log_in")
REFRESH = _read("refresh")
