import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control_plane.standalone.stand import (
    KEY,
    NEXT_KEY,
    PASSWORD,
    PLANTED,
    Stand,
    condition,
    free_port,
    standing,
)
from tests.twins.saleor import SaleorTwin


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path) as stand:
        yield stand


async def test_an_app_that_exists_is_used_and_left_in_place(stand: Stand) -> None:
    app = stand.saleor.app(permissions=["MANAGE_ORDERS"])
    stand.load("existing-app.yaml")
    stand.secret("saleor-app")["token"] = app.token
    stand.save()
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        await stand.arrives(stand.order())
        stand.save(stand.secrets)
        await run.said(lambda line: "Gone" in line)
    assert stand.webhooks() == []
    assert [found.id for found in stand.saleor.apps] == [app.id]
    assert "appCreate" not in stand.saleor.mutations
    assert app.token not in run.getvalue()


async def test_a_rotated_write_key_is_in_use_within_two_seconds(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        await stand.arrives(stand.order(), key=KEY)
        stand.secret("segment")["writeKey"] = f"{NEXT_KEY}\n"
        stand.save()
        saved = time.monotonic()
        while not stand.arrived(key=NEXT_KEY):
            await stand.arrives(stand.order())
            assert time.monotonic() < saved + 2
        await stand.saleor.settled()
        await stand.arrives(*stand.saleor.shop.orders)
    assert PLANTED not in run.getvalue()
    assert stand.segment.inbox.totals()["doubled"] == 0


async def test_an_integration_taken_out_of_the_file_takes_its_app_along(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        await stand.arrives(stand.order())
        stand.save(stand.secrets)
        await run.said(lambda line: "Gone" in line)
        assert stand.saleor.apps == []
    for kept in ("apps", "integrations"):
        assert list((stand.folder / "data/state" / kept).iterdir()) == []


async def test_one_taken_out_while_no_process_ran_is_cleaned_up_at_the_next_start(
    stand: Stand,
) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
    stand.save(stand.secrets)
    async with stand.running() as run:
        await run.said(lambda line: "Gone" in line)
    assert stand.saleor.apps == []


async def test_one_that_comes_back_is_made_anew_with_another_app(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        (first,) = stand.saleor.apps
        stand.save(stand.secrets)
        await run.said(lambda line: "Gone" in line)
        shown = len(run.lines)
        stand.save()
        await condition(run, "Ready", "True", since=shown)
        await stand.arrives(stand.order())
    (second,) = stand.saleor.apps
    assert second.id != first.id


async def test_with_orphan_the_app_stays_without_enabled_webhooks(stand: Stand) -> None:
    stand.spec["deletionPolicy"] = "Orphan"
    stand.save()
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        stand.save(stand.secrets)
        await run.said(lambda line: "Gone" in line)
    assert len(stand.saleor.apps) == 1
    assert not any(stand.webhooks())


async def test_taken_out_with_its_secrets_it_is_let_go_and_said_so(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        stand.save([])
        await run.said(lambda line: "Orphaned" in line)
        await run.said(lambda line: "Gone" in line)
    assert len(stand.saleor.apps) == 1


async def test_a_calm_restart_shows_how_things_stand_and_changes_nothing(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
    before = len(stand.saleor.mutations)
    listen = f"127.0.0.1:{free_port()}"
    async with stand.running(public_url=_origin(stand), listen=listen) as run:
        await condition(run, "Ready", "True")
    assert set(stand.saleor.mutations[before:]) <= {"tokenCreate"}  # a login changes nothing


def _origin(stand: Stand) -> str:
    """Where the webhooks point."""
    hook = next(iter(stand.saleor.state.apps.webhooks()))
    return hook.target_url.partition("/webhooks/")[0]


async def test_drift_is_put_right_and_said(stand: Stand) -> None:
    async with stand.running(resync="1s") as run:
        await condition(run, "Ready", "True")
        hook = next(iter(stand.saleor.state.apps.webhooks()))
        hook.is_active = False
        await run.said(lambda line: "DriftCorrected" in line)
        await stand.saleor.until(lambda: all(stand.webhooks()))


async def test_a_broken_edit_leaves_the_last_good_state_until_it_is_mended(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        stand.file.write_text(stand.file.read_text().replace("writeKeySecretRef", "writeKeyRef"))
        message = await condition(run, "Manifests", "False")
        assert message.startswith(f"{stand.file}:")
        assert "did you mean writeKeySecretRef?" in message
        await stand.arrives(stand.order())
        stand.save()
        await condition(run, "Manifests", "True")


async def test_wrong_credentials_are_a_condition_and_right_ones_mend_it(stand: Stand) -> None:
    stand.secret("saleor-staff")["password"] = f"{PLANTED}-wrong-one"
    stand.save()
    async with stand.running() as run:
        message = await condition(run, "CredentialsValid", "False", reason="CredentialsRejected")
        assert "saleor-staff" in message
        await condition(run, "Ready", "False")
        stand.secret("saleor-staff")["password"] = PASSWORD
        stand.save()
        await condition(run, "Ready", "True")
    assert PLANTED not in run.getvalue()


@pytest.mark.parametrize("value", [None, "  "])
async def test_without_a_write_key_all_else_is_done_and_orders_are_kept(
    stand: Stand, value: str | None
) -> None:
    secret = stand.secret("segment")
    if value is None:
        del secret["writeKey"]
    else:
        secret["writeKey"] = value
    stand.save()
    async with stand.running() as run:
        message = await condition(run, "WriteKeyValid", "False")
        assert "segment" in message
        assert "writeKey" in message
        await condition(run, "WebhooksEnabled", "True")
        order = stand.order()
        await stand.saleor.settled()
        assert stand.arrived() == set()
        secret["writeKey"] = KEY
        stand.save()
        await stand.arrives(order)
        await condition(run, "Ready", "True")


@pytest.mark.parametrize(
    ("kept", "name", "missing"),
    [(slice(0, 2), "WriteKeyValid", "segment"), (slice(0, 1), "CredentialsValid", "saleor-staff")],
)
async def test_a_missing_secret_is_named(
    stand: Stand, kept: slice, name: str, missing: str
) -> None:
    stand.save(stand.documents[kept])
    async with stand.running() as run:
        assert missing in await condition(run, name, "False", reason="SecretMissing")


async def test_an_unreachable_shop_is_a_condition_that_heals(stand: Stand) -> None:
    port = free_port()
    stand.spec["saleor"]["apiUrl"] = f"http://127.0.0.1:{port}/graphql/"
    stand.save()
    async with stand.running() as run:
        message = await condition(run, "Ready", "Unknown", reason="SaleorUnreachable")
        assert f"127.0.0.1:{port}" in message
        async with SaleorTwin(port=port) as saleor:
            saleor.staff("planted@example.com", PASSWORD)
            await condition(run, "Ready", "True")
            await run.end()


async def test_what_is_no_saleor_is_a_condition(stand: Stand) -> None:
    stand.spec["saleor"]["apiUrl"] = f"{stand.segment.url}/graphql/"
    stand.save()
    async with stand.running() as run:
        await condition(run, "Ready", "False", reason="NotSaleor")


async def test_it_says_where_it_listens(stand: Stand) -> None:
    async with stand.running(public_url="https://events.example.com") as run:
        message = await condition(run, "Listening", "True")
    assert "https://events.example.com/webhooks/" in message


async def test_a_shop_that_hangs_does_not_hold_up_the_end(stand: Stand) -> None:
    stand.saleor.fail(graphql_delay=60.0)
    async with stand.running() as run:
        await condition(run, "Listening", "True")
        begun = time.monotonic()
        await run.end()
        assert time.monotonic() < begun + 8


async def test_an_old_saleor_is_a_condition(tmp_path: Path) -> None:
    async with standing(tmp_path, version="3.19.0") as stand, stand.running() as run:
        await condition(run, "Ready", "False", reason="SaleorTooOld")


async def test_a_missing_permission_is_a_condition(stand: Stand) -> None:
    stand.saleor.staff("poor@example.com", PASSWORD, permissions=["MANAGE_ORDERS"])
    stand.secret("saleor-staff")["email"] = "poor@example.com"
    stand.save()
    async with stand.running() as run:
        line = await condition(run, "Ready", "False", reason="PermissionMissing")
        assert "MANAGE_APPS" in line


async def test_a_foreign_token_is_a_condition(stand: Stand) -> None:
    stand.load("existing-app.yaml")
    stand.secret("saleor-app")["token"] = f"{PLANTED}-token"
    stand.save()
    async with stand.running() as run:
        await condition(run, "Ready", "False", reason="TokenRejected")
    assert PLANTED not in run.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: Secret", "kind: Secrets", "did you mean Secret?"),
        ("    app:", "   app:", "is no YAML"),
        ("stringData", "stringdata", "stringdata: is no field here: did you mean stringData?"),
        ("/graphql/", "/api/", "spec.saleor.apiUrl: must end in /graphql/"),
        ("http://", f"http://me:{PLANTED}@", "spec.saleor.apiUrl: must not hold credentials"),
        ("name: segment\nstr", "name: saleor-staff\nstr", "Secret default/saleor-staff is also at"),
    ],
)
async def test_bad_manifests_stop_the_start_with_their_place(
    stand: Stand, old: str, new: str, says: str
) -> None:
    text = stand.file.read_text()
    assert old in text
    stand.file.write_text(text.replace(old, new, 1))
    line = await stand.refused()
    assert line.startswith(f"{stand.file}:")
    assert says in line


async def test_two_integrations_of_one_name_stop_the_start(stand: Stand) -> None:
    stand.save([stand.documents[0], *stand.documents])
    assert "SaleorSegmentIntegration default/main-shop is also at" in await stand.refused()


async def test_a_missing_file_stops_the_start(stand: Stand) -> None:
    stand.file.unlink()
    assert (await stand.refused()).startswith(f"{stand.file}: cannot be read (No such file")


async def test_what_cannot_change_stops_the_next_start(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
    stand.spec["saleor"]["apiUrl"] = "https://another.example.com/graphql/"
    stand.save()
    line = await stand.refused()
    assert "spec.saleor.apiUrl: cannot change while default/main-shop exists" in line


@pytest.mark.parametrize("setting", ["listen", "private_listen"])
async def test_a_port_in_use_stops_the_start(stand: Stand, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = await stand.refused(**{setting: address})
    assert line.startswith(address)
    assert f"--{setting.replace('_', '-')}" in line


async def test_an_address_that_is_not_this_machines_stops_the_start(stand: Stand) -> None:
    assert "--listen" in await stand.refused(listen="192.0.2.1:8080")


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
async def test_all_addresses_are_no_public_url(stand: Stand, listen: str) -> None:
    assert "--public-url" in await stand.refused(listen=listen)


async def test_a_folder_that_is_held_stops_the_start(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        line = await stand.refused()
    assert line.startswith(str(stand.folder / "data"))
    assert "another process" in line


async def test_a_full_disk_stops_the_start(stand: Stand) -> None:
    (stand.folder / "data/state/.pipelines.yaml.new").mkdir(parents=True)  # no room for a file
    assert "pipelines.yaml: cannot be written" in await stand.refused()


async def test_a_folder_that_cannot_be_written_stops_the_start(stand: Stand) -> None:
    (stand.folder / "data").write_text("a file")
    line = await stand.refused()
    assert line.startswith(str(stand.folder / "data"))
    assert "--data-dir" in line


async def test_a_blank_internal_token_stops_the_start(stand: Stand) -> None:
    token = stand.folder / "token"
    token.write_text("\n")
    assert (await stand.refused(internal_token_file=token)).startswith(f"{token}: is empty")


async def test_with_an_internal_token_it_reads_its_own_server(stand: Stand) -> None:
    token = stand.folder / "token"
    token.write_text(f"{PLANTED}-token\n")
    async with stand.running(internal_token_file=token) as run:
        await condition(run, "Ready", "True")


async def test_tokens_are_readable_by_their_owner_only(stand: Stand) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
    data = stand.folder / "data"
    for path in (data, *data.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_two_shops_share_the_process(stand: Stand) -> None:
    async with SaleorTwin(time_scale=20, seed=1) as other:
        other.staff("planted@example.com", PASSWORD)
        second = stand.documents[0] | {"metadata": {"name": "second-shop"}}
        second["spec"] = stand.spec | {"saleor": stand.spec["saleor"] | {"apiUrl": other.api_url}}
        stand.save([*stand.documents, second])
        async with stand.running() as run:
            await run.said(lambda line: line.split()[1:4] == ["default/main-shop", "Ready", "True"])
            await run.said(
                lambda line: line.split()[1:4] == ["default/second-shop", "Ready", "True"]
            )
            orders = {stand.order(), other.shop.place_order().id}
            await stand.arrives(*orders)
            await asyncio.gather(stand.saleor.settled(), other.settled())
