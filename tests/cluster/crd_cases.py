"""Specs that the API server takes or refuses, and what it says: by the rule they are about."""

from collections.abc import Iterator

from tests.cluster.crd_names import names_of_ones_own
from tests.cluster.crd_specs import (
    CONSENT,
    IMMUTABLE,
    SMALLEST,
    STAFF,
    TOKEN,
    Case,
    Spec,
    changed,
    one,
)


def _urls() -> Iterator[Case]:
    examples = {
        "spec.saleor.apiUrl": ("https://shop.example.com/graphql/", "/graphql/"),
        "spec.saleor.publicUrl": ("https://shop.example.com", ""),
        "spec.segment.endpoint": ("https://segment.example.com", ""),
    }
    for field, (example, path) in examples.items():
        absolute = f"must be an absolute http or https URL, as in {example}"
        is_absolute = "must be an absolute http or https URL"
        plain = "must not hold credentials, a query or a fragment: leave them out"
        is_plain = "must not hold credentials, a query or a fragment"
        yield one(field, f"https://shop.example.com{path}")
        yield one(field, f"http://saleor-api.shop.svc:8000{path}")
        yield one(field, f"http://[fd00::1]:8000{path}")
        for bad in ("shop.example.com", "ftp://shop.example.com", "https://", "https://a b"):
            yield one(field, f"{bad}{path}", absolute, pydantic=is_absolute)
        for bad in ("https://müller.example", "https://shop.example.com:65536", "https://[::g]"):
            yield one(field, f"{bad}{path}", absolute, pydantic=is_absolute)
        for bad in ("https://me:planted@shop.example.com", "https://planted@shop.example.com"):
            yield one(field, f"{bad}{path}", plain, pydantic=is_plain)
        for bad in ("?key=planted", "#planted", "?"):
            yield one(field, f"https://shop.example.com{path}{bad}", plain, pydantic=is_plain)
        yield one(
            field,
            f"https://shop.example.com/{'x' * 2048}{path}",
            "Too long: may not be more than 2048 bytes",
            pydantic="should have at most 2048 characters",
        )


def _references() -> Iterator[Case]:
    segment, staff = "spec.segment.writeKeySecretRef", "spec.saleor.app.managed"
    token = "spec.saleor.app.existing.tokenSecretRef"
    name = "must be the name of a Secret: lower-case letters, digits, - and ., as in segment-key"
    key = "must be a key of a Secret: letters, digits, -, _ and ., as in writeKey"
    existing = changed("saleor.app", TOKEN)
    for path, base in (
        (f"{segment}.name", SMALLEST),
        (f"{staff}.credentialsSecretRef.name", SMALLEST),
        (f"{token}.name", existing),
    ):
        for good in ("segment", "a.b-c.0", "x" * 253):
            yield one(path, good, base=base)
        for bad in ("PlantedToken", "a..b", "-a", "a-", "a.-b", "a_b"):
            yield one(path, bad, name, base)
        yield one(path, "", name, base, pydantic="should have at least 1 character")
        long = "Too long: may not be more than 253 bytes"
        yield one(path, "x" * 254, long, base, pydantic="should have at most 253 characters")
    for path, base in ((f"{segment}.key", SMALLEST), (f"{token}.key", existing)):
        for good in ("writeKey", "a_b.c-D", ".hidden", "_"):
            yield one(path, good, base=base)
        for bad in (".", "..", "..a", "a/b", "a b", "planted=="):
            yield one(path, bad, key, base)
        yield one(path, "", key, base, pydantic="should have at least 1 character")


def _unions() -> Iterator[Case]:
    app, segment = "spec.saleor.app", "spec.segment"
    exactly_one = "must have exactly one of managed and existing"
    yield one(app, STAFF)
    yield one(app, TOKEN)
    yield one(app, {}, exactly_one)
    yield one(app, STAFF | TOKEN, exactly_one)
    both = "must have region or endpoint, not both"
    given = {**SMALLEST["segment"], "region": "EU", "endpoint": "https://segment.example.com"}
    yield Case(segment, SMALLEST)
    yield one(f"{segment}.region", "EU")
    yield one(segment, given, f"{both}: leave one out", pydantic=both)


def _paths() -> Iterator[Case]:
    api, public = "spec.saleor.apiUrl", "spec.saleor.publicUrl"
    graphql = "must end in /graphql/, with the slash: it is Saleor's API address"
    yield one(api, "https://shop.example.com/saleor/graphql/")
    for bad in ("", "/", "/graphql", "/graphql/api", "/mygraphql/"):
        yield one(api, f"https://shop.example.com{bad}", graphql)
    yield one(api, "https://graphql/", graphql)
    base, ends = "spec.segment.endpoint", ("v1", "v1/", "v1/batch", "c/v1/track//", "/v1")
    appended = "must not end in a path of the API: leave /v1/batch out, it is appended"
    yield from (one(base, f"https://{good}") for good in ("v1", "a.b/v1/c/", "a.b/v10", "a.b/xv1"))
    yield from (one(base, f"https://a.b/{bad}", appended) for bad in ends)
    origin = "must be an origin without a path, as in https://shop.example.com"
    yield one(public, "https://shop.example.com/")
    yield one(public, "https://shop.example.com/shop", origin)


def _changes() -> Iterator[Case]:
    api, public, app = "spec.saleor.apiUrl", "spec.saleor.publicUrl", "spec.saleor.app"
    moved = changed(public, "https://shop.example.com")
    for field in (api, public, app):
        yield Case(field, changed("spec.suspend", value=True), before=SMALLEST)
    yield Case(public, changed("spec.suspend", value=True, base=moved), before=moved)
    yield one(api, "https://new.example.com/graphql/", f"{IMMUTABLE}apiUrl", before=SMALLEST)
    message = f"{IMMUTABLE}publicUrl"
    yield Case(public, moved, message, before=SMALLEST)
    yield Case(public, SMALLEST, message, before=moved)
    yield one(public, "https://new.example.com", message, before=moved)
    stay = "must stay managed or existing, as it was: delete this integration and create it anew"
    existing = changed(app, TOKEN)
    yield Case(app, existing, stay, before=SMALLEST)
    yield Case(app, SMALLEST, stay, before=existing)
    other = changed(f"{app}.managed.credentialsSecretRef.name", "other")
    yield Case(app, other, before=SMALLEST)
    yield one("spec.events", ["ORDER_CREATED"], before=SMALLEST)


def _values() -> Iterator[Case]:
    """Where the schema itself refuses, and no rule."""
    unsupported, wanted = "Unsupported value", "Input should be"
    yield one("spec.events", ["ORDER_REFUNDED"])
    few = "spec.events in body should have at least 1 items"
    yield one("spec.events", [], few, pydantic="must name at least one event")
    spec, once = changed("events", ["ORDER_CREATED"] * 2), "must name each event once"
    yield Case("spec.events[1]", spec, "Duplicate value", pydantic=once)
    other = changed("events", ["ORDER_SHIPPED"])
    yield Case("spec.events[0]", other, unsupported, pydantic=wanted)
    for field, good, bad in (
        ("spec.segment.region", "US", "Mars"),
        ("spec.deletionPolicy", "Orphan", "Keep"),
    ):
        yield one(field, good)
        yield one(field, bad, unsupported, pydantic=wanted)
    yield one("spec.suspend", value=True)
    boolean = "spec.suspend in body must be of type boolean"
    yield one("spec.suspend", "yes", boolean, pydantic="must be true or false")
    for field in (
        "spec.saleor",
        "spec.saleor.apiUrl",
        "spec.saleor.app",
        "spec.saleor.app.managed.credentialsSecretRef",
        "spec.saleor.app.managed.credentialsSecretRef.name",
        "spec.segment",
        "spec.segment.writeKeySecretRef",
        "spec.segment.writeKeySecretRef.name",
    ):
        yield one(field, None, "Required value", pydantic="is missing")
    token = "spec.saleor.app.existing.tokenSecretRef"
    for field in (token, f"{token}.name"):
        spec = changed(field, None, changed("saleor.app", TOKEN))
        yield Case(field, spec, "Required value", pydantic="is missing")


def _tracking() -> Iterator[Case]:
    """The options, each with a value and without a meaning."""
    tracking, wanted = "spec.tracking", "Input should be"
    yield one(tracking, {})
    spec = changed(f"{tracking}.naming", "Spec")
    for name, good, base in (
        ("naming", "Spec", SMALLEST),
        ("completedOn", "Confirmed", spec),
        ("completedOn", "FullyPaid", spec),
        ("updates", "Changed", SMALLEST),
        ("userId", "Namespaced", SMALLEST),
        ("userId", "Email", SMALLEST),
        ("guest", "Anonymous", SMALLEST),
        ("privacy.email", "Hashed", SMALLEST),
        ("privacy.email", "Omit", SMALLEST),
        ("privacy.name", "Plain", SMALLEST),
        ("privacy.phone", "Plain", SMALLEST),
        ("privacy.address", "Plain", SMALLEST),
        ("consent.unknown", "Drop", changed(f"{tracking}.consent", CONSENT)),
    ):
        yield one(f"{tracking}.{name}", good, base=base)
        yield one(f"{tracking}.{name}", "Perhaps", "Unsupported value", base, pydantic=wanted)
    yield one(f"{tracking}.identify", value=True)
    boolean = f"{tracking}.identify in body must be of type boolean"
    yield one(f"{tracking}.identify", "yes", boolean, pydantic="must be true or false")
    yield one("spec.events", ["CUSTOMER_CREATED", "CHECKOUT_FULLY_PAID", "FULFILLMENT_CANCELED"])


def _tracking_texts() -> Iterator[Case]:
    """What is written freely in options."""
    consent = changed("spec.tracking.consent", CONSENT)
    metadata = (
        "must be a metadata key of letters, digits, _, ., : and -, as in segment_anonymous_id"
    )
    for key, base in (
        ("spec.tracking.anonymousIdKey", SMALLEST),
        ("spec.tracking.consent.metadataKey", consent),
    ):
        yield one(key, "my.shop:anonymous-id_1", base=base)
        for bad in ('"planted', "a b", "ä"):
            yield one(key, bad, metadata, base)
        long = "Too long: may not be more than 128 bytes"
        yield one(key, "x" * 129, long, base, pydantic="should have at most 128 characters")
    brand = "spec.tracking.products.brandAttribute"
    yield one(brand, "brand_name-1")
    for bad in ("a brand", "ä", "a.b"):
        slug = "must be a slug: letters, digits, - and _, as in brand"
        yield one(brand, bad, slug)
    yield from _maps(consent)
    yield from _channels()
    yield from _product_urls()


def _maps(consent: Spec) -> Iterator[Case]:
    names, categories = "spec.tracking.names", "spec.tracking.consent.categories"
    few = "at least 1"
    yield one(names, {})
    yield one(names, {"ORDER_FULLY_PAID": "Saleor Order Completed", "CHECKOUT_UPDATED": "Ü"})
    events = "must have events of Saleor as its keys, as in ORDER_FULLY_PAID: Paid"
    for bad in ("ORDER_SHIPPED", "order_created", ""):
        yield one(names, {bad: "Shipped"}, events, pydantic="Input should be 'ORDER_CREATED'")
    ends = "must have names without a space at either end, and without control characters"
    for bad in (" Order", "Order ", "Order\nPaid", "\t"):
        yield one(names, {"ORDER_PAID": bad}, ends)
    yield Case(
        f"{names}.ORDER_PAID", changed(names, {"ORDER_PAID": ""}), f"{few} chars", pydantic=few
    )
    yield one(categories, {"Advertising": "ads", "C0004": "a/b:c", "Ü": "ä"}, base=consent)
    spaces = (
        "must have keys and values of 1 to 128 characters without spaces, as in Advertising: ads"
    )
    for key, value in (("Two words", "ads"), ("Ads", "two words"), ("Ads\n", "ads")):
        yield one(categories, {key: value}, spaces, consent)
    yield one(categories, {"x" * 129: "ads"}, spaces, consent, pydantic="at most 128 characters")
    yield one(categories, {"": "ads"}, spaces, consent, pydantic=few)
    yield one(categories, {}, f"{few} properties", consent, pydantic="at least one category")
    for field in ("metadataKey", "categories"):
        path = f"spec.tracking.consent.{field}"
        yield one(path, None, "Required value", consent, pydantic="is missing")


def _channels() -> Iterator[Case]:
    channels = "spec.tracking.channels"
    slugs = "must have slugs of channels: letters, digits, - and _, as in default-channel"
    yield one(channels, [])
    yield one(channels, ["default-channel", "channel_PLN"])
    for bad in ("two words", "ä", "a/b"):
        yield one(channels, ["default-channel", bad], slugs)
    twice, once = changed(channels, ["pln", "pln"]), "must name each channel once"
    yield Case(f"{channels}[1]", twice, "Duplicate value", pydantic=once)
    many = [f"channel-{number}" for number in range(101)]
    yield one(channels, many, "must have at most 100 items", pydantic="at most 100 items")


def _product_urls() -> Iterator[Case]:
    url = "spec.tracking.products.url"
    for good in (
        "https://shop.example.com/{channel}/{slug}",
        "http://shop.example.com:8000/p?id={id}#top",
        "HTTPS://{channel}.example.com/{slug}/",
    ):
        yield one(url, good)
    absolute = (
        "must be an absolute http or https URL with no other braces than {channel}, {slug} and "
        "{id}, as in https://shop.example.com/{channel}/{slug}"
    )
    for bad in (
        "/{slug}",
        "ftp://shop.example.com/{slug}",
        "https://{slug}",
        "https://me:planted@shop.example.com/{slug}",
        "https://shop.example.com/{sku}/{slug}",
        "https://shop.example.com/{{slug}}",
        "https://shop.example.com/{slug}/ä",
        "https://shop.example.com/{slug} ",
    ):
        yield one(url, bad, absolute)
    telling = "must hold {slug} or {id}, which tell one product from another"
    yield one(url, "https://shop.example.com/{channel}", telling)
    long = f"https://shop.example.com/{{id}}/{'x' * 2048}"
    yield one(url, long, "Too long", pydantic="should have at most 2048 characters")


def _tracking_conflicts() -> Iterator[Case]:
    """Options that fit together or do not."""
    completed, identify, user = (
        f"spec.tracking.{name}" for name in ("completedOn", "identify", "userId")
    )
    naming = "must have naming: Spec beside it, whose Order Completed it chooses; or leave it out"
    yield one(completed, "Created")
    yield one(completed, "FullyPaid", naming)
    yield one(completed, "Confirmed", naming, changed("spec.tracking.naming", "Saleor"))
    trait = "must have a trait to tell: let email, name, phone or address of privacy be Plain"
    for email in ("Hashed", "Omit"):
        hidden = changed("spec.tracking.privacy.email", email)
        yield one(identify, True, trait, hidden)
        yield one(identify, value=False, base=hidden)
        for name in ("name", "phone", "address"):
            told = changed(f"spec.tracking.privacy.{name}", "Plain", hidden)
            yield one(identify, value=True, base=told)
    hashed, omitted = (changed("spec.tracking.privacy.email", each) for each in ("Hashed", "Omit"))
    yield one(user, "Email", base=hashed)
    yield one(user, "SaleorId", base=omitted)
    email = (
        "must not be Email while privacy.email is Omit: let that be Plain or Hashed, or choose "
        "SaleorId"
    )
    yield one(user, "Email", email, omitted)
    keyed = changed("spec.tracking.anonymousIdKey", "consent")
    apart = (
        "must have another metadataKey than anonymousIdKey: one record of consent would be "
        "everybody's id"
    )
    yield one("spec.tracking.consent", CONSENT)
    yield one("spec.tracking.consent", CONSENT, apart, keyed)


CASES = (
    *_urls(),
    *_paths(),
    *_references(),
    *_unions(),
    *_changes(),
    *_values(),
    *_tracking(),
    *_tracking_texts(),
    *_tracking_conflicts(),
    *names_of_ones_own(),
)
