"""Saleor's admin API: who we are there, the app that stands for an integration, its webhooks."""

from saleor_segment_operator.saleor.deliveries import (
    SIGNATURE,
    Contents,
    DeliveryPage,
    DeliveryState,
    KeptDelivery,
)
from saleor_segment_operator.saleor.models import (
    App,
    StaffCredentials,
    Webhook,
    WebhookDraft,
    drift,
)
from saleor_segment_operator.saleor.saleor import Saleor
from saleor_segment_operator.saleor.version import Version

__all__ = [
    "SIGNATURE",
    "App",
    "Contents",
    "DeliveryPage",
    "DeliveryState",
    "KeptDelivery",
    "Saleor",
    "StaffCredentials",
    "Version",
    "Webhook",
    "WebhookDraft",
    "drift",
]
