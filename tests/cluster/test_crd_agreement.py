"""The API server and the model refuse the same specs: standalone has the model alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_segment_operator.resource import Invalid, Spec, parse_spec
from saleor_segment_server.contract import Event
from tests.cluster.crd_api import Api, installed
from tests.cluster.crd_specs import CONSENT, EVERYTHING, SMALLEST, changed
from tests.cluster.kubectl import Kubectl
from tests.cluster.plane.control_plane import ControlPlane

_EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def api(plane: ControlPlane, kubectl: Kubectl) -> Iterator[Api]:
    with installed(plane, kubectl, "crd-agreement") as api:
        yield api


def places(value: dict[str, Any], path: str = "spec") -> Iterator[str]:
    for name, each in value.items():
        yield f"{path}.{name}"
        if isinstance(each, dict):
            yield from places(each, f"{path}.{name}")


_STRANGE: tuple[Any, ...] = (None, 0, 1.5, True, "", "x", [], ["x"], [None], {}, {"strange": "x"})


_MORE = ("spec.segment.endpoint", "spec.tracking.names.ORDER_SHIPPED")


@pytest.mark.parametrize("place", [*places(EVERYTHING), *_MORE])
def test_a_value_of_another_kind_is_refused_by_both_or_neither(api: Api, place: str) -> None:
    for value in _STRANGE:
        spec = put(place, value)
        answer = api.tried(spec, strict=True)
        assert answer.status_code in {201, 400, 422}, answer.text
        refused = isinstance(parse_spec(spec), Invalid)
        assert (answer.status_code != 201) == refused, (value, answer.text)


def put(place: str, value: Any) -> Any:
    """Return everything with this value at a place, ``None`` included."""
    spec = changed(place, "x", EVERYTHING)
    *parents, last = place.split(".")[1:]
    inner = spec
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return spec


_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?(\.[a-z0-9]{1,5})?", fullmatch=True)
_KEYS = st.from_regex(r"\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,9}", fullmatch=True)
_TEXTS = st.from_regex(r"[A-Za-z0-9_.:-]{1,128}", fullmatch=True)
_HOSTS = st.from_regex(r"https?://[a-z0-9.-]{1,9}(:[0-9]{1,4})?", fullmatch=True)


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_REFERENCES = st.fixed_dictionaries({"name": _NAMES}, optional={"key": _KEYS})
_APPS = st.fixed_dictionaries({"credentialsSecretRef": st.fixed_dictionaries({"name": _NAMES})})
_TOKENS = st.fixed_dictionaries({"tokenSecretRef": _REFERENCES})
_SALEORS = st.builds(
    lambda url, app, more: {"apiUrl": f"{url}/graphql/", "app": app, **more},
    _HOSTS,
    _APPS.map(lambda app: {"managed": app}) | _TOKENS.map(lambda app: {"existing": app}),
    _some(publicUrl=_HOSTS),
)
_EVENTS = st.sampled_from([*map(str, Event)])
_NAMED = _EVENTS.filter(lambda event: not event.startswith("CUSTOMER"))
_WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=128)
_TRACKING = _some(
    naming=st.sampled_from(["Saleor", "Spec"]),
    names=st.dictionaries(_NAMED, _WORDS),
    updates=st.sampled_from(["All", "Changed"]),
    userId=st.sampled_from(["SaleorId", "Namespaced"]),
    guest=st.sampled_from(["Email", "Anonymous"]),
    anonymousIdKey=_TEXTS,
    channels=st.lists(st.from_regex(r"[a-zA-Z0-9_-]{1,9}", fullmatch=True), unique=True),
    privacy=_some(
        email=st.sampled_from(["Plain", "Hashed", "Omit"]),
        name=st.sampled_from(["Omit", "Plain"]),
        phone=st.sampled_from(["Omit", "Plain"]),
        address=st.sampled_from(["Omit", "Plain"]),
    ),
    consent=st.fixed_dictionaries(
        {
            "metadataKey": _TEXTS.map(lambda text: f"consent:{text[:100]}"),
            "categories": st.dictionaries(_WORDS, _WORDS, min_size=1, max_size=4),
        },
        optional={"unknown": st.sampled_from(["Send", "Deny", "Drop"])},
    ),
    products=_some(
        url=st.just("https://shop.example.com/{channel}/{slug}"),
        brandAttribute=st.from_regex(r"[a-zA-Z0-9_-]{1,9}", fullmatch=True),
    ),
)
_TARGETS = _some(region=st.sampled_from(["US", "EU"])) | _some(endpoint=_HOSTS)
_SEGMENTS = st.builds(lambda key, more: {"writeKeySecretRef": key, **more}, _REFERENCES, _TARGETS)
_SPECS = st.builds(
    lambda saleor, segment, more: {"saleor": saleor, "segment": segment, **more},
    _SALEORS,
    _SEGMENTS,
    _some(
        events=st.lists(_EVENTS, min_size=1, unique=True),
        tracking=_TRACKING,
        suspend=st.booleans(),
        deletionPolicy=st.sampled_from(["Delete", "Orphan"]),
    ),
)


@_EXAMPLES
@given(spec=_SPECS)
def test_any_spec_that_the_model_takes_is_stored_as_the_model_reads_it(
    api: Api, spec: dict[str, Any]
) -> None:
    read = parse_spec(spec)
    assert isinstance(read, Spec), str(read)
    answer = api.tried(spec, strict=True)
    assert answer.status_code == 201, answer.text
    assert answer.json()["spec"] == read.model_dump(mode="json", by_alias=True, exclude_none=True)


# fmt: off
_PARTS = {
    "scheme": ["http://", "HTTPS://", "https:/", "https:", "ftp://", "//", "/", ""],
    "user": ["me@", "me:pw@", "a@b@", ":@", "@", "%zz@", "a b@"],
    "host": [
        "LOCALHOST", "a_b", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", ".", "-", "a..b", "graphql",
        "[fe80::1%25eth0]", "[1::2::3]", "[10.0.0.1]", "[::1", "::1", "", "ü", "a%41", "a b",
        "a\\b", "a;b", "a,b", "a'b", "\t", "a\n",
    ],
    "port": [":80", ":0", ":00080", ":65535", ":65536", ":99999", ":", ":x", ":1:2", ":-1", ":٣"],
    "path": ["/", "//", "/a/", "/%20/", "/@/", "/:/", "/;/", "/\\/", "/[x]/", "/../", "/&/", '/"/'],
    "dirt": [
        "/%zz/", "/%/", "/ä/", "/ /", "/\t/", "/\n/", "/\x7f/", "?", "#", "?a=b", "#a@b", "/?/a",
    ],
    "end": ["", "/", "/graphql", "/graphql/", "graphql/", "/GRAPHQL/", "/graphql/\n", "/graphql/ "],
}
# fmt: on
_USUAL = {"scheme": "https://", "host": "shop.example.com"}
_ODD = [(part, value) for part, values in _PARTS.items() for value in values]
_FIELDS = {
    "spec.saleor.apiUrl": "/graphql/",
    "spec.saleor.publicUrl": "",
    "spec.segment.endpoint": "",
}


def url_of(odd: list[tuple[str, str]], end: str) -> str:
    given_parts = {**_USUAL, "end": end, **dict(odd)}
    return "".join(given_parts.get(part, "") for part in _PARTS)


def agree(api: Api, field: str, value: Any, base: dict[str, Any] = SMALLEST) -> bool:
    """Whether API server and model say the same of this value."""
    spec = changed(field, value, base)
    answer = api.tried(spec)
    assert answer.status_code in {201, 422}, answer.text
    return (answer.status_code == 422) == isinstance(parse_spec(spec), Invalid)


@pytest.mark.parametrize(("field", "end"), _FIELDS.items())
def test_an_odd_url_is_refused_by_both_or_neither(api: Api, field: str, end: str) -> None:
    urls = [url_of([odd], end) for odd in _ODD]
    assert [url for url in urls if not agree(api, field, url)] == []


@pytest.mark.parametrize(("field", "end"), _FIELDS.items())
@_EXAMPLES
@given(odd=st.lists(st.sampled_from(_ODD), min_size=2, max_size=3))
def test_any_url_is_refused_by_both_or_neither(
    api: Api, field: str, end: str, odd: list[tuple[str, str]]
) -> None:
    assert agree(api, field, url_of(odd, end))


@pytest.mark.parametrize(
    "field", ["spec.segment.writeKeySecretRef.name", "spec.segment.writeKeySecretRef.key"]
)
@_EXAMPLES
@given(text=st.text("abAZ09.-_/ \n", max_size=8))
def test_any_reference_is_refused_by_both_or_neither(api: Api, field: str, text: str) -> None:
    assert agree(api, field, text)


_WHOLE = changed("spec.tracking.consent", CONSENT)
_SPACES = st.text(
    ["a", "Z", "ü", " ", "\t", "\n", "\x00", "\x7f", "\x85", "\xa0", "\u2003"], max_size=4
)


@_EXAMPLES
@given(text=_SPACES, field=st.sampled_from(["names.ORDER_PAID", "consent.categories.Ads"]))
def test_any_text_in_a_map_is_refused_by_both_or_neither(api: Api, text: str, field: str) -> None:
    assert agree(api, f"spec.tracking.{field}", text, _WHOLE)


@_EXAMPLES
@given(text=_SPACES)
def test_any_key_of_a_map_is_refused_by_both_or_neither(api: Api, text: str) -> None:
    for field in ("names", "consent.categories"):
        assert agree(api, f"spec.tracking.{field}", {text: "ads"}, _WHOLE)


_PIECES = [
    "https://",
    "http:/",
    "a.b",
    ":80",
    "/",
    "{slug}",
    "{id}",
    "{channel}",
    "{",
    "}",
    "?",
    " ",
]
_PIECES += ["#", "@", "ü", "\n", "|", "~", "{sku}", "{{id}}"]


@_EXAMPLES
@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=5))
def test_any_product_url_is_refused_by_both_or_neither(api: Api, pieces: list[str]) -> None:
    assert agree(api, "spec.tracking.products.url", "".join(["https://a", *pieces]))
    assert agree(api, "spec.tracking.products.url", "".join(pieces))


_CHOICES = _some(
    naming=st.sampled_from(["Saleor", "Spec"]),
    completedOn=st.sampled_from(["Created", "Confirmed", "FullyPaid"]),
    names=st.dictionaries(
        st.sampled_from(["ORDER_CREATED", "ORDER_CONFIRMED", "ORDER_PAID", "CUSTOMER_UPDATED"]),
        st.sampled_from(["Order Completed", "Order Done"]),
        max_size=2,
    ),
    identify=st.booleans(),
    userId=st.sampled_from(["SaleorId", "Namespaced", "Email"]),
    anonymousIdKey=st.sampled_from(["consent", "anonymous"]),
    consent=st.sampled_from([CONSENT, {**CONSENT, "metadataKey": "segment_anonymous_id"}]),
    privacy=_some(
        email=st.sampled_from(["Plain", "Hashed", "Omit"]),
        name=st.sampled_from(["Omit", "Plain"]),
        address=st.sampled_from(["Omit", "Plain"]),
    ),
)


@_EXAMPLES
@given(tracking=_CHOICES)
def test_options_that_do_not_fit_together_are_refused_by_both_or_neither(
    api: Api, tracking: dict[str, Any]
) -> None:
    assert agree(api, "spec.tracking", tracking)
