"""What the shop's server holds: everything its GraphQL API reads and changes."""

from dataclasses import dataclass, field
from typing import Literal

from graphql import GraphQLSchema

from tests.twins.saleor.accounts import Accounts
from tests.twins.saleor.apps import Apps
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.faults import Faults
from tests.twins.saleor.ids import Names
from tests.twins.saleor.sending.outbox import Outbox
from tests.twins.saleor.shop.operations import Shop
from tests.twins.saleor.version import Version


@dataclass
class SiteSettings:
    """Settings of the site that change how it answers."""

    name: str = "Saleor e-commerce"
    allow_storefront_traffic: bool = True
    """False refuses everybody who is neither an app nor staff, logins included (3.23)."""
    password_login_mode: Literal["ENABLED", "CUSTOMERS_ONLY", "DISABLED"] = "ENABLED"
    """Who may log in with a password (3.23)."""


@dataclass
class State:
    """The shop's server."""

    version: Version
    schema: GraphQLSchema
    time: Timekeeper
    names: Names
    accounts: Accounts
    apps: Apps
    outbox: Outbox
    shop: Shop
    faults: Faults
    site: SiteSettings = field(default_factory=SiteSettings)
    mutations: list[str] = field(default_factory=list)
    """Every mutation that was called, as in ``appCreate``, whatever it answered."""
    public_url: str = ""
    """The origin Saleor calls itself, without a trailing slash; known once it listens."""

    @property
    def public_api_url(self) -> str:
        """The API's address as Saleor names it in headers and tokens."""
        return f"{self.public_url}/graphql/"

    @property
    def domain(self) -> str:
        """Host and port of the public URL."""
        return self.public_url.partition("://")[2]
