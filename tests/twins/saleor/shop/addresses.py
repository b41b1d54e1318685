"""Postal addresses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """A postal address."""

    first_name: str
    last_name: str
    street_address1: str
    city: str
    postal_code: str
    country_code: str
    country_name: str
    country_area: str = ""
    company_name: str = ""
    street_address2: str = ""
    city_area: str = ""
    phone: str = ""

    @property
    def country(self) -> dict[str, str]:
        """Saleor's ``CountryDisplay``."""
        return {"code": self.country_code, "country": self.country_name}
