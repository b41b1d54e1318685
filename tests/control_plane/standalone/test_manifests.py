import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saleor_segment_operator.resource import Key
from saleor_segment_operator.standalone.manifests import ManifestFiles, Manifests
from saleor_segment_server.contract import Tracking
from saleor_segment_server.contract.tracking import Consent, Privacy, ProductOptions
from saleor_segment_server.errors import DocumentUnreadable
from tests.agreement.layout import ROOT

PLANTED = "hunter2-planted"
EXAMPLES = ROOT / "examples"
INTEGRATION = """\
apiVersion: saleor-segment.io/v1alpha1
kind: SaleorSegmentIntegration
metadata:
  name: main-shop
spec:
  saleor:
    apiUrl: https://shop.example.com/graphql/
    app:
      managed:
        credentialsSecretRef: {name: saleor-staff}
  segment:
    writeKeySecretRef: {name: segment}
"""
SECRET = f"""\
apiVersion: v1
kind: Secret
metadata:
  name: segment
stringData:
  writeKey: {PLANTED}
"""
Read = Callable[..., Manifests]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads texts as the files a.yaml, b.yaml, …"""
    monkeypatch.chdir(tmp_path)

    def read(*texts: str, namespace: str = "default") -> Manifests:
        names = [Path(f"{letter}.yaml") for letter, _ in zip("abc", texts, strict=False)]
        for name, text in zip(names, texts, strict=True):
            name.write_text(text)
        return asyncio.run(ManifestFiles(names, namespace=namespace).read())

    return read


def _refusal(read: Read, *texts: str) -> str:
    with pytest.raises(DocumentUnreadable) as error:
        read(*texts)
    message = str(error.value)
    assert "\n" not in message
    assert PLANTED not in message
    return message


OPTIONS = """\
  tracking:
    naming: Spec
    names: {ORDER_FULLY_PAID: Order Paid}
    completedOn: Confirmed
    updates: Changed
    privacy: {email: Hashed, name: Plain, phone: Plain, address: Plain}
    identify: true
    userId: Namespaced
    guest: Anonymous
    anonymousIdKey: ajs_anonymous_id
    channels: [default-channel, channel-pln]
    consent:
      metadataKey: consent
      categories: {Advertising: ads, Analytics: stats}
      unknown: Deny
    products:
      url: https://shop.example.com/{channel}/{slug}
      brandAttribute: brand
"""


def test_every_option_is_taken(read: Read) -> None:
    (manifest,) = read(INTEGRATION + OPTIONS).integrations.values()
    tracking = manifest.model.spec.tracking
    defaults = Tracking()
    said = yaml.safe_load(OPTIONS)["tracking"]
    assert tracking.model_dump(mode="json", by_alias=True) == said
    same = [
        name for name in Tracking.model_fields if getattr(tracking, name) == getattr(defaults, name)
    ]
    assert same == []


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("naming: spec", "14: spec.tracking.naming: Input should be 'Saleor' or 'Spec'"),
        ("nameing: Spec", "14: spec.tracking.nameing: is no field here: did you mean naming?"),
        ("names: [Paid]", "14: spec.tracking.names: must be a mapping"),
        (
            "names:\n      ORDER_PAID: Paid\n      ORDER_PAYED: Paid",
            "16: spec.tracking.names.ORDER_PAYED: Input should be 'ORDER_CREATED', ",
        ),
        (
            "names: {ORDER_PAID: ' Paid'}",
            "14: spec.tracking.names.ORDER_PAID: must have names without a space at either end",
        ),
        ("completedOn: FullyPaid", "14: spec.tracking.completedOn: must have naming: Spec beside"),
        ("updates: Few", "14: spec.tracking.updates: Input should be 'All' or 'Changed'"),
        ("identify: 'yes'", "14: spec.tracking.identify: must be true or false"),
        (
            "identify: true\n    privacy: {email: Hashed}",
            "14: spec.tracking.identify: must have a trait to tell: let email, name, phone or",
        ),
        (
            "privacy:\n      email: Omit\n    userId: Email",
            "16: spec.tracking.userId: must not be Email while privacy.email is Omit: let that",
        ),
        (
            "privacy:\n      email: Plain\n      name: Hashed",
            "16: spec.tracking.privacy.name: Input should be 'Omit' or 'Plain'",
        ),
        ("guest: Email address", "14: spec.tracking.guest: Input should be 'Email' or 'Anonymous'"),
        (
            "anonymousIdKey: a b",
            "14: spec.tracking.anonymousIdKey: must be a metadata key of letters",
        ),
        ("channels: pln", "14: spec.tracking.channels: must be a list"),
        (
            "channels:\n      - pln\n      - a b",
            "16: spec.tracking.channels.1: must have slugs of channels: letters, digits, - and _",
        ),
        ("channels: [pln, pln]", "14: spec.tracking.channels: must name each channel once"),
        (
            "consent: {categories: {A: a}}",
            "14: spec.tracking.consent.metadataKey: is missing",
        ),
        (
            "consent:\n      metadataKey: consent\n      categories: {}",
            "16: spec.tracking.consent.categories: must have at least one category, as in",
        ),
        (
            "consent:\n      metadataKey: consent\n      categories:\n        Two words: ads",
            "17: spec.tracking.consent.categories.Two words: must have keys and values of 1 to 128",
        ),
        (
            "consent: {metadataKey: c, categories: {A: a}, unkown: Deny}",
            "14: spec.tracking.consent.unkown: is no field here: did you mean unknown?",
        ),
        (
            "products:\n      url: https://shop.example.com/{sku}",
            "15: spec.tracking.products.url: must be an absolute http or https URL with no other",
        ),
        (
            "products: {brandAttribute: the brand}",
            "14: spec.tracking.products.brandAttribute: must be a slug: letters, digits, - and _",
        ),
    ],
)
def test_a_bad_option_is_one_line_with_place_and_remedy(option: str, line: str, read: Read) -> None:
    message = _refusal(read, f"{INTEGRATION}  tracking:\n    {option}\n")
    assert message.startswith(f"a.yaml:{line}")


@pytest.mark.parametrize(
    "name", ["standalone/integration.yaml", "standalone/existing-app.yaml", "tracking.yaml"]
)
def test_the_examples_can_be_read(name: str, read: Read) -> None:
    manifests = read((EXAMPLES / name).read_text())
    assert list(manifests.integrations) == [Key("default", "main-shop")]
    assert len(manifests.secrets) == 2
    assert manifests.secrets["default", "segment"] == {"writeKey": b"change-me"}


def test_an_example_shows_every_option() -> None:
    spec = next(yaml.safe_load_all((EXAMPLES / "tracking.yaml").read_text()))["spec"]
    for model, shown in (
        (Tracking, spec["tracking"]),
        (Privacy, spec["tracking"]["privacy"]),
        (Consent, spec["tracking"]["consent"]),
        (ProductOptions, spec["tracking"]["products"]),
    ):
        assert [each.alias for each in model.model_fields.values() if each.alias not in shown] == []


def test_integrations_and_secrets_may_lie_in_any_of_the_files(read: Read) -> None:
    manifests = read(INTEGRATION, "# nothing\n---\n", f"---\n{SECRET}---\n")
    assert Key("default", "main-shop") in manifests.integrations
    assert manifests.secrets["default", "segment"] == {"writeKey": PLANTED.encode()}


def test_what_names_no_namespace_is_in_the_one_of_the_settings(read: Read) -> None:
    elsewhere = SECRET.replace("name: segment", "name: segment, namespace: other").replace(
        "metadata:\n  name: segment, namespace: other",
        "metadata: {name: segment, namespace: other}",
    )
    manifests = read(INTEGRATION, SECRET, elsewhere, namespace="shop")
    assert list(manifests.integrations) == [Key("shop", "main-shop")]
    assert sorted(manifests.secrets) == [("other", "segment"), ("shop", "segment")]


def test_data_is_base64_and_string_data_wins(read: Read) -> None:
    encoded = base64.b64encode(b"from data").decode()
    text = SECRET + f"  both: plain\ndata:\n  both: {encoded}\n  other: |\n    {encoded}\n"
    assert read(text).secrets["default", "segment"] == {
        "writeKey": PLANTED.encode(),
        "both": b"plain",
        "other": b"from data",
    }


def test_an_empty_value_is_an_empty_value(read: Read) -> None:
    text = SECRET.replace(f"writeKey: {PLANTED}", "writeKey:")
    assert read(text).secrets["default", "segment"] == {"writeKey": b""}


def test_what_looks_like_a_date_is_text_as_in_a_cluster(read: Read) -> None:
    text = SECRET.replace(PLANTED, "2026-11-24")
    assert read(text).secrets["default", "segment"] == {"writeKey": b"2026-11-24"}


def test_what_a_cluster_adds_is_accepted_and_not_kept(read: Read) -> None:
    text = INTEGRATION.replace(
        "metadata:\n",
        "metadata:\n  uid: x\n  resourceVersion: '1'\n  managedFields: [{a: b}]\n"
        "  creationTimestamp: 2026-11-24T00:00:00Z\n  labels: {a: b}\n  annotations: {c: d}\n",
    )
    manifest = read(text + "status: {observedGeneration: 3}\n").integrations[
        Key("default", "main-shop")
    ]
    assert manifest.document()["metadata"] == {
        "namespace": "default",
        "name": "main-shop",
        "annotations": {"c": "d"},
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "a.yaml: is empty: "),
        ("a: [", "a.yaml:1: is no YAML: check the indentation"),
        (f"a: *{PLANTED}", "a.yaml:1: is no YAML: a value that begins with *"),
        (f"a: &{PLANTED} 1\nb: &{PLANTED} 2", "a.yaml:2: is no YAML: a value that begins with *"),
        (f"a: !{PLANTED} 1", "a.yaml:1: is no YAML: a value that begins with *"),
        (f"a: !{PLANTED}!b 1", "a.yaml:1: is no YAML: check"),
        (f"a: 1\nb: %{PLANTED}", "a.yaml:2: is no YAML: found character '%'"),
        ("a: 1\n\tb: 2", "a.yaml:2: is no YAML: found character '\\t'"),
        ("a: !!bool x", "a.yaml:1: is no YAML that can be read"),
        ("a: 1\nb: \x00", "a.yaml:2: holds a character that YAML does not allow"),
        ("[" * 500, "a.yaml:1: is no YAML"),
        ("&a [*a]", "a.yaml:1: must be a manifest: "),
        ("hello", "a.yaml:1: must be a manifest: "),
        ("a: 1", "a.yaml:1: kind: must be SaleorSegmentIntegration or Secret"),
        ("kind: [a]", "a.yaml:1: kind: must be SaleorSegmentIntegration or Secret"),
        ("kind: ConfigMap", "a.yaml:1: kind: must be SaleorSegmentIntegration or Secret"),
        (SECRET.replace("kind: Secret", "kind: Secrets"), "did you mean Secret?"),
        (SECRET.replace(": v1", ": v2"), "a.yaml:1: apiVersion: must be v1 for a Secret"),
        (
            INTEGRATION.replace("v1alpha1", "v1"),
            "a.yaml:1: apiVersion: must be saleor-segment.io/v1alpha1 for a Sal",
        ),
        (INTEGRATION + "kind: a\n", "a.yaml:13: kind is given twice: remove one"),
        (INTEGRATION.replace("  name: main-shop", "  labels: {}"), "a.yaml:3: metadata.name: is m"),
        (INTEGRATION.replace("main-shop", "Main_Shop"), "a.yaml:4: metadata.name: must be lower"),
        (INTEGRATION.replace("apiUrl", "apiURL"), "7: spec.saleor.apiURL: is no field here: did y"),
        (INTEGRATION.replace("apiUrl", "api_url"), "spec.saleor.api_url: is no field here: did yo"),
        (
            INTEGRATION.replace("{name: segment}", "{name: segment, kee: x}"),
            "a.yaml:12: spec.segment.writeKeySecretRef.kee: is no field here: did you mean key?",
        ),
        (INTEGRATION + "  zzz: 1\n", "a.yaml:13: spec.zzz: is no field here"),
        (INTEGRATION.replace("/graphql/", "/"), "a.yaml:7: spec.saleor.apiUrl: must end in /graph"),
        (
            INTEGRATION.replace("https://", f"https://me:{PLANTED}@"),
            "a.yaml:7: spec.saleor.apiUrl: must not hold credentials",
        ),
        (INTEGRATION + "  events: [ORDER_CREATED, A]\n", "a.yaml:13: spec.events.1: Input should"),
        (INTEGRATION.replace("main-shop", "123"), "a.yaml:4: metadata.name: "),
        (
            SECRET.replace(PLANTED, "123"),
            "a.yaml:6: stringData.writeKey: must be text: put it in q",
        ),
        (
            SECRET.replace(PLANTED, "yes"),
            "a.yaml:6: stringData.writeKey: must be text: put it in q",
        ),
        (SECRET.replace("stringData", "data"), "a.yaml:6: data.writeKey: is no base64: plain text"),
        (SECRET.replace("stringData", "stringdata"), "a.yaml:5: stringdata: is no field here: did"),
        (SECRET + "type: 1\n", "a.yaml:7: type: "),
    ],
)
def test_a_bad_manifest_is_one_line_with_place_and_remedy(text: str, line: str, read: Read) -> None:
    message = _refusal(read, text)
    assert message.startswith("a.yaml:")
    assert line in message


def test_two_objects_of_one_name_are_refused_across_files(read: Read) -> None:
    assert _refusal(read, f"# first\n{INTEGRATION}", SECRET, INTEGRATION) == (
        "c.yaml:4: metadata.name: SaleorSegmentIntegration default/main-shop "
        "is also at a.yaml:2: rename one"
    )
    assert "Secret default/segment is also at a.yaml:1" in _refusal(read, SECRET, SECRET)


def test_an_integration_and_a_secret_may_share_a_name(read: Read) -> None:
    read(INTEGRATION, SECRET.replace("name: segment", "name: main-shop"))


def test_a_missing_file_and_one_that_is_no_text_are_named(read: Read, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    for name, what in (("z.yaml", r"cannot be read \(No such file"), ("b.yaml", "is no text")):
        with pytest.raises(DocumentUnreadable, match=f"^{name}: {what}"):
            asyncio.run(ManifestFiles([Path(name)], namespace="default").read())


def _complaint(read: Callable[[], Manifests]) -> str | None:
    try:
        read()
    except DocumentUnreadable as error:
        return str(error)
    return None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_slip_of_the_pen_breaks_the_reader_or_gets_a_secret_out(
    data: st.DataObject, read: Read
) -> None:
    text = f"{INTEGRATION}---\n{SECRET}"
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        skipped = data.draw(st.integers(0, 3))
        typed = data.draw(st.text("*&!%@`|>'\"\\{}[],:#?-\n\t a1~", max_size=3))
        text = text[:at] + typed + text[at + skipped :]
    message = _complaint(lambda: read(text))
    if message is not None:
        assert message.startswith("a.yaml")
        assert "\n" not in message
        assert "hunter2" not in message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text())
def test_any_text_at_all_is_read_or_refused(text: str, read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    files = ManifestFiles([Path("t.yaml")], namespace="default")
    message = _complaint(lambda: asyncio.run(files.read()))
    assert message is None or message.startswith("t.yaml")
