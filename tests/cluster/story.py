"""What may befall an integration, in a few seconds; what was called and said meanwhile is looked
at afterwards."""

from itertools import count

from tests.cluster.site import NAME, Object, Site
from tests.control_plane.standalone.stand import EMAIL, KEY, NEXT_KEY, PASSWORD
from tests.system.programs import until
from tests.twins.saleor.apps import App
from tests.twins.segment.faults import Fault

WRONG = f"{PASSWORD}-that-was"
"""A password that Saleor refuses."""

_moments = count()


def hasty(values: Object) -> Object:
    """Have an uninstall wait for the operator's end for a third of what it does else."""
    values["operator"]["settings"]["leaseDuration"] = "5s"
    return values


async def live_through_it_all(tenant: Site, name: str = NAME) -> None:
    """Make an integration, let it meet everything, and delete it again."""
    await tenant.connect(name)
    await tenant.arrives(tenant.order())
    await drift(tenant, name)
    await rotation(tenant)
    await wrong_password(tenant, name)
    await refused_key(tenant, name)
    await tenant.kubectl.within(tenant.shop).delete("ssi", name, "--timeout=90s")


async def drift(tenant: Site, name: str = NAME) -> None:
    """Disable a webhook by hand, twice, so that the same is told twice."""
    webhook = _app(tenant, name).webhooks[0]
    for _ in range(2):
        webhook.is_active = False
        await look(tenant, name)
        await until(lambda: webhook.is_active)
        await tenant.ready(name)


async def rotation(tenant: Site) -> None:
    """Change the write key."""
    await tenant.secret("segment", writeKey=NEXT_KEY)
    order = tenant.order()
    await tenant.arrives(order)
    await tenant.event("WriteKeyRotated")


async def wrong_password(tenant: Site, name: str = NAME) -> None:
    """Change the password to one that Saleor refuses, and back."""
    await tenant.secret("saleor-staff", email=EMAIL, password=WRONG)
    await tenant.condition("CredentialsValid", "False", "CredentialsRejected", name=name)
    await tenant.secret("saleor-staff", email=EMAIL, password=PASSWORD)
    await tenant.condition("CredentialsValid", "True", name=name)


async def refused_key(tenant: Site, name: str = NAME) -> None:
    """Have Segment refuse what is sent, until the key is changed."""
    tenant.segment.faults.add(Fault(status=401, times=None))
    order = tenant.order()
    await tenant.saleor.settled()
    await until(lambda: _parked(tenant), every=0.2)
    await look(tenant, name)
    await tenant.condition("Delivering", "False", "Parked", name=name)
    tenant.segment.faults.clear()
    await tenant.secret("segment", writeKey=KEY)
    await tenant.arrives(order)


async def look(tenant: Site, name: str = NAME) -> None:
    """Have the operator look at Saleor now."""
    await tenant.reconcile(f"moment-{next(_moments)}", name)


async def _parked(tenant: Site) -> bool:
    return any(each["parked"] for each in await tenant.server_says())


def _app(tenant: Site, name: str) -> App:
    mark = f"/{tenant.shop}/{name}"
    return next(app for app in tenant.saleor.apps if app.identifier.endswith(mark))
