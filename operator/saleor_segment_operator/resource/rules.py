"""What the API server checks beyond the types: rules in CEL whose messages say what to do.

They say what the validators of the models say, so that a spec is refused when it is applied, and
not by a condition later; the cluster tests hold them together. The patterns look at the value as a
whole: the API server takes no rule that searches the parts of ``url(self)``, whose length it cannot
bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from saleor_segment_server.contract.pipeline import ABSOLUTE_URL


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ``x-kubernetes-validations``."""

    rule: str
    """The CEL expression; one that speaks of ``oldSelf`` is checked at changes only."""
    message: str
    """What is wanted; the API server puts the field's path before it."""
    field: str = ""
    """The field below that is at fault, as in ``.publicUrl``, if it is not the object itself."""
    replaces: str = ""
    """A keyword of the schema that this says better."""

    def document(self) -> dict[str, str]:
        """Return the entry."""
        entry = {"rule": self.rule, "message": self.message}
        return {**entry, "fieldPath": self.field} if self.field else entry


_IMMUTABLE = "is immutable: delete this integration and create it anew"

_PLAIN = Rule(
    "!self.matches('^[^/?#]*//[^/?#]*@') && !self.contains('?') && !self.contains('#')",
    "must not hold credentials, a query or a fragment: leave them out, and name a Secret for"
    " what is secret",
)
_GRAPHQL = Rule(
    "!isURL(self) || self.matches('^[^/]*//[^/?#]+/([^?#]*/)?graphql/([?#].*)?$')",
    "must end in /graphql/, with the slash: it is Saleor's API address",
)
_ORIGIN = Rule(
    "!isURL(self) || self.matches('^[^/]*//[^/?#]+/*([?#].*)?$')",
    "must be an origin without a path, as in https://shop.example.com",
)
_SECRET_NAME = Rule(
    "!format.dns1123Subdomain().validate(self).hasValue()",
    "must be the name of a Secret: lower-case letters, digits, - and ., as in segment-key",
    replaces="pattern",
)
_SECRET_KEY = Rule(
    r"self.matches('^\\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$')",
    "must be a key of a Secret: letters, digits, -, _ and ., as in writeKey",
    replaces="pattern",
)


def _absolute(example: str) -> Rule:
    pattern = ABSOLUTE_URL.replace("\\", r"\\")
    rule = f"isURL(self) && self.matches('{pattern}')"
    return Rule(rule, f"must be an absolute http or https URL, as in {example}")


RULES: Mapping[str, tuple[Rule, ...]] = {
    "spec.saleor": (
        Rule(
            "has(self.publicUrl) == has(oldSelf.publicUrl)"
            " && (!has(self.publicUrl) || self.publicUrl == oldSelf.publicUrl)",
            f"{_IMMUTABLE}, with the publicUrl it should have",
            field=".publicUrl",
        ),
    ),
    "spec.saleor.apiUrl": (
        _absolute("https://shop.example.com/graphql/"),
        _PLAIN,
        _GRAPHQL,
        Rule("self == oldSelf", f"{_IMMUTABLE}, with the apiUrl it should have"),
    ),
    "spec.saleor.publicUrl": (_absolute("https://shop.example.com"), _PLAIN, _ORIGIN),
    "spec.saleor.app": (
        Rule(
            "has(self.managed) != has(self.existing)",
            "must have exactly one of managed and existing",
        ),
        Rule(
            "has(self.managed) == has(oldSelf.managed)",
            "must stay managed or existing, as it was: delete this integration and create it anew",
        ),
    ),
    "spec.saleor.app.managed.credentialsSecretRef.name": (_SECRET_NAME,),
    "spec.saleor.app.existing.tokenSecretRef.name": (_SECRET_NAME,),
    "spec.saleor.app.existing.tokenSecretRef.key": (_SECRET_KEY,),
    "spec.segment": (
        Rule(
            "!(has(self.region) && has(self.endpoint))",
            "must have region or endpoint, not both: leave one out",
        ),
    ),
    "spec.segment.writeKeySecretRef.name": (_SECRET_NAME,),
    "spec.segment.writeKeySecretRef.key": (_SECRET_KEY,),
    "spec.segment.endpoint": (_absolute("https://segment.example.com"), _PLAIN),
    "spec.tracking.anonymousIdKey": (
        Rule(
            "self.matches('^[A-Za-z0-9_.:-]+$')",
            "must be a metadata key of letters, digits, _, ., : and -, as in segment_anonymous_id",
            replaces="pattern",
        ),
    ),
}
"""The rules by the path of what they check."""
