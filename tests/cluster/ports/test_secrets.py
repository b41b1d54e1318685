"""What only the API server can do to Secrets, and how ours look there."""

import asyncio
import base64
from pathlib import Path

import pytest

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.kube.installation_watch import InstallationWatch
from saleor_segment_operator.kube.secrets import KubeSecrets
from saleor_segment_operator.reconcile.ports import AppRecord
from saleor_segment_operator.resource import Reason
from saleor_segment_server.cluster import SECRETS, Api
from tests.cluster.ports.cluster import NO_RULES, Cluster
from tests.ports.contract import UID, a_pipeline
from tests.ports.stores import NOW, RELEASE, KubeStores

INSTALLATION = f"{RELEASE}-installation"
RECORD = AppRecord(app_id="QXBwOjU=", token="token")


@pytest.fixture
def other(stores: KubeStores) -> KubeSecrets:
    """Another process of the same release."""
    return KubeSecrets(stores.api, release=RELEASE, namespace=stores.release_namespace)


async def test_two_that_make_the_installation_at_once_agree(
    stores: KubeStores, other: KubeSecrets
) -> None:
    first, second = await asyncio.gather(stores.secrets.installation(), other.installation())
    assert first == second
    secret = await stores.own(INSTALLATION)
    assert secret is not None
    assert base64.b64decode(secret["data"]["id"]).decode() == first.id
    assert secret["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "saleor-segment-operator",
        "app.kubernetes.io/instance": RELEASE,
        "saleor-segment.io/part": "installation",
    }
    assert "ownerReferences" not in secret["metadata"]


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"id": b"0badcafe"},
        {"id": b"", "salt": b"0" * 32},
        {"id": b"0badcafe", "salt": b"\xff" * 32},
    ],
)
async def test_a_damaged_installation_is_never_made_anew(
    stores: KubeStores, damage: dict[str, bytes]
) -> None:
    await stores.make_secret(stores.release_namespace, INSTALLATION, **damage)
    for _ in range(2):
        with pytest.raises(Blocked, match="is damaged: put it back from a backup") as raised:
            await stores.secrets.installation()
    assert raised.value.reason == Reason.STORE_REFUSED
    assert f"{stores.release_namespace}/{INSTALLATION}" in str(raised.value)
    secret = await stores.own(INSTALLATION)
    assert secret is not None
    assert (secret.get("data") or {}).keys() == damage.keys()


async def test_an_installation_is_not_made_anew_while_an_app_is_kept(stores: KubeStores) -> None:
    await stores.secrets.put_app(UID.format(0), RECORD, of=stores.key)
    with pytest.raises(Blocked, match="is gone while shops are connected: put it back") as raised:
        await stores.secrets.installation()
    assert raised.value.reason == Reason.STORE_REFUSED
    assert await stores.own(INSTALLATION) is None
    await stores.secrets.delete_app(UID.format(0))
    await stores.secrets.installation()
    assert await stores.own(INSTALLATION) is not None


async def test_an_installation_is_not_made_anew_while_a_pipeline_is_kept(
    stores: KubeStores,
) -> None:
    await stores.pipelines.put(a_pipeline(), of=stores.key)
    with pytest.raises(Blocked, match="is gone while shops are connected"):
        await stores.secrets.installation()
    await stores.pipelines.delete(a_pipeline().id)
    await stores.secrets.installation()
    assert await stores.own(INSTALLATION) is not None


async def test_an_installation_that_was_put_back_is_used_without_a_restart(
    stores: KubeStores,
) -> None:
    await stores.make_secret(stores.release_namespace, INSTALLATION)
    with pytest.raises(Blocked):
        await stores.secrets.installation()
    await stores.admin.delete(SECRETS, stores.release_namespace, INSTALLATION)
    salt = "00112233445566778899aabbccddeeff"
    await stores.make_secret(
        stores.release_namespace, INSTALLATION, id=b"0badcafe\n", salt=salt.encode()
    )
    found = await stores.secrets.installation()
    assert (found.id, found.salt) == ("0badcafe", salt)


async def test_an_installation_that_somebody_deletes_is_written_back(stores: KubeStores) -> None:
    before = await stores.secrets.installation()
    watch = InstallationWatch(
        stores.api,
        release=RELEASE,
        namespace=stores.release_namespace,
        secrets=stores.secrets,
    )
    running = asyncio.create_task(watch.run())
    try:
        for _ in range(2):
            found = await stores.own(INSTALLATION)
            assert found is not None
            uid = found["metadata"]["uid"]
            await stores.admin.delete(SECRETS, stores.release_namespace, INSTALLATION)
            while (found := await stores.own(INSTALLATION)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert found["metadata"]["uid"] != uid
    finally:
        running.cancel()
    again = KubeSecrets(stores.api, release=RELEASE, namespace=stores.release_namespace)
    assert await again.installation() == before


async def test_an_installation_that_is_not_known_is_not_written_back(stores: KubeStores) -> None:
    await stores.secrets.restore_installation()
    assert await stores.own(INSTALLATION) is None


async def test_the_token_lies_beside_the_release_and_says_whose_it_is(stores: KubeStores) -> None:
    uid = UID.format(0)
    await stores.secrets.put_app(uid, AppRecord(pending_since=NOW), of=stores.key)
    await stores.secrets.put_app(uid, RECORD, of=stores.key)
    secret = await stores.own(f"{RELEASE}-app-{uid}")
    assert secret is not None
    assert secret["type"] == "Opaque"
    assert secret["data"] == {
        "app_id": base64.b64encode(b"QXBwOjU=").decode(),
        "token": base64.b64encode(b"token").decode(),
    }
    assert secret["metadata"]["annotations"] == {"saleor-segment.io/integration": str(stores.key)}
    assert secret["metadata"]["labels"]["saleor-segment.io/part"] == "app"
    assert "ownerReferences" not in secret["metadata"]
    assert (await stores.admin.list(SECRETS, stores.key.namespace)).items == []


async def test_the_apps_of_this_release_are_listed_with_their_integrations(
    stores: KubeStores,
) -> None:
    await stores.secrets.put_app(UID.format(0), RECORD, of=stores.key)
    neighbour = KubeSecrets(
        stores.api, release=f"{RELEASE}-app", namespace=stores.release_namespace
    )
    await neighbour.put_app(UID.format(1), RECORD, of=stores.key)
    await stores.make_secret(stores.release_namespace, f"{RELEASE}-app-by-hand")
    assert await stores.secrets.apps() == {UID.format(0): stores.key}
    assert await neighbour.apps() == {UID.format(1): stores.key}


async def test_storing_twice_and_after_a_deletion_does_no_harm(
    stores: KubeStores, other: KubeSecrets
) -> None:
    uid = UID.format(0)
    await asyncio.gather(
        *(each.put_app(uid, RECORD, of=stores.key) for each in (stores.secrets, other) * 3)
    )
    await other.delete_app(uid)
    await stores.secrets.put_app(uid, RECORD, of=stores.key)
    assert await other.app(uid) == RECORD


async def test_a_damaged_time_names_the_secret_and_the_remedy(stores: KubeStores) -> None:
    name = f"{RELEASE}-app-{UID.format(0)}"
    await stores.make_secret(stores.release_namespace, name, pending_since=b"yesterday")
    with pytest.raises(Blocked, match=f"{name} is damaged .* delete it"):
        await stores.secrets.app(UID.format(0))


async def test_users_secrets_are_fetched_one_by_one_and_never_listed(
    stores: KubeStores, cluster: Cluster, tmp_path: Path
) -> None:
    """With a right to get this one Secret and nothing else all that is needed works."""
    await stores.secret("segment", writeKey=b"key")
    await stores.secret("another", writeKey=b"key")
    only = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    rules = [only | {"resourceNames": ["segment"]}]
    async with Api(await cluster.account(stores.key.namespace, rules, tmp_path)) as api:
        secrets = KubeSecrets(api, release=RELEASE, namespace=stores.release_namespace)
        assert await secrets.read(stores.key.namespace, "segment") == {"writeKey": b"key"}
        with pytest.raises(Blocked) as raised:
            await secrets.read(stores.key.namespace, "another")
    assert f"Secret {stores.key.namespace}/another is out of reach" in str(raised.value)
    assert 'cannot get resource "secrets"' in str(raised.value)


async def test_a_release_namespace_that_may_not_be_written_is_the_users_to_mend(
    stores: KubeStores, cluster: Cluster, tmp_path: Path
) -> None:
    async with Api(await cluster.account(stores.release_namespace, NO_RULES, tmp_path)) as api:
        secrets = KubeSecrets(api, release=RELEASE, namespace=stores.release_namespace)
        with pytest.raises(Blocked, match='cannot patch resource "secrets"'):
            await secrets.put_app(UID.format(0), RECORD, of=stores.key)
        with pytest.raises(Blocked, match='cannot get resource "secrets"'):
            await secrets.installation()


async def test_the_rights_that_the_chart_grants_beside_the_release_suffice(
    cluster: Cluster, stores: KubeStores, tmp_path: Path
) -> None:
    verbs = ["get", "list", "create", "patch", "delete"]
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}
    access = await cluster.account(stores.release_namespace, [rule], tmp_path)
    async with Api(access) as api:
        secrets = KubeSecrets(api, release=RELEASE, namespace=stores.release_namespace)
        await secrets.installation()
        await secrets.put_app(UID.format(0), RECORD, of=stores.key)
        await secrets.put_app(UID.format(0), RECORD, of=stores.key)
        assert await secrets.apps() == {UID.format(0): stores.key}
        await secrets.delete_app(UID.format(0))
