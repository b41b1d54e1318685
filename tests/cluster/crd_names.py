"""Names of one's own that are taken or refused for the event they are given to."""

from collections.abc import Iterator

from tests.cluster.crd_specs import SMALLEST, Case, changed, one


def names_of_ones_own() -> Iterator[Case]:
    """Yield names that make another event complete an order, and names of what has none."""
    names, spec = "spec.tracking.names", changed("spec.tracking.naming", "Spec")
    once = (
        "must not have Order Completed, which is sent once for each order: choose it with "
        "completedOn and naming: Spec"
    )
    paid = changed("spec.tracking.completedOn", "FullyPaid", spec)
    for event, base, message in (
        ("ORDER_CREATED", spec, ""),
        ("ORDER_FULLY_PAID", paid, ""),
        ("ORDER_CREATED", SMALLEST, once),
        ("ORDER_CREATED", paid, once),
        ("ORDER_PAID", spec, once),
    ):
        yield one(names, {"ORDER_EXPIRED": "Lost", event: "Order Completed"}, message, base)
    nameless = "must not name CUSTOMER_CREATED and CUSTOMER_UPDATED: they are sent as identify, "
    for event in ("CUSTOMER_CREATED", "CUSTOMER_UPDATED"):
        yield one(names, {event: "Customer"}, f"{nameless}which has no name")
