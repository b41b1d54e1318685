"""Saleor is away when our processes start: they are up, receive what they can, and wait for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control_plane.standalone.stand import (
    EMAIL,
    PASSWORD,
    Stand,
    condition,
    free_port,
    standing,
)
from tests.fault import saleor
from tests.fault.key_sets import FAULTS
from tests.fault.shift import Shift
from tests.signing import Signer
from tests.system.programs import Program, saleor_segment, until
from tests.twins.saleor import SaleorTwin

PAUSE = 5.0


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, least_timeout=10.0) as stand:
        yield stand


def run(stand: Stand, *, listen: str = "127.0.0.1:0") -> Program:
    return saleor_segment(
        *("run", "-f", stand.file, "--data-dir", stand.folder / "data", "--resync", "1s"),
        *("--listen", listen, "--private-listen", "127.0.0.1:0", "--ballast", "1Mi"),
    )


async def test_run_waits_for_a_saleor_that_is_away_busy_or_answers_nonsense(stand: Stand) -> None:
    port = free_port()
    stand.spec["saleor"]["apiUrl"] = f"http://127.0.0.1:{port}/graphql/"
    stand.save()
    async with run(stand) as program:
        await condition(program, "Ready", "Unknown", reason="SaleorUnreachable")
        async with SaleorTwin(port=port) as shop:
            shop.staff(EMAIL, PASSWORD)
            shop.fail(graphql_status=503)
            await condition(program, "Ready", "Unknown", reason="SaleorBusy")
            shop.heal()
            shop.fail(graphql_plain_text=True)
            await condition(program, "Ready", "False", reason="NotSaleor")
            shop.heal()
            shop.fail(jwks_down=True)
            await condition(program, "WebhooksEnabled", "False", reason="KeysUnreadable")
            shop.heal()
            await condition(program, "Ready", "True")
            await stand.arrives(shop.shop.place_order().id)
            assert len(shop.apps) == 1
            assert shop.mutations.count("appCreate") == 1


async def test_run_started_while_saleor_hangs_receives_what_it_can_check(stand: Stand) -> None:
    listen = f"127.0.0.1:{free_port()}"
    async with run(stand, listen=listen) as program:
        await condition(program, "Ready", "True")
        await stand.arrives(stand.order())
    stand.saleor.fail(graphql_delay=60.0, jwks_down=True)
    assert not (stand.folder / "data" / "jwks.json").exists()  # the Pipeline holds the keys
    async with run(stand, listen=listen) as program:
        await condition(program, "Listening", "True")
        await stand.arrives(stand.order())
        await stand.saleor.settled()
    assert {each.outcome for each in stand.saleor.deliveries} == {"acknowledged"}


async def test_a_server_started_without_the_shop_waits_for_its_keys_and_keeps_them(
    tmp_path: Path, signer: Signer
) -> None:
    shift = Shift(tmp_path / "shift")
    async with saleor.standing(tmp_path, signer) as stand:
        stand.keys.fault = FAULTS["a connection that breaks"]
        async with shift.serving(stand) as serving:
            assert await serving.ready() == 200
            data = saleor.order("early")
            told = await saleor.deliver(serving, signer.sign(data), data)
            assert told == (503, "jwks_unreachable")
            stand.keys.fault = None
            shift.by(PAUSE)
            assert await saleor.deliver(serving, signer.sign(data), data) == (200, "")
        stand.keys.fault, asked = FAULTS["a connection that breaks"], stand.shop.asked
        async with shift.serving(stand) as serving:
            assert await serving.order(signer) == 200
            assert stand.shop.asked == asked
            await until(lambda: stand.arrived() == {"early", *stand.acknowledged})
