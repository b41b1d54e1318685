"""``saleor-segment serve`` as a process: Saleor's deliveries in, Segment's messages out."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.signing import Signer
from tests.system.programs import saleor_segment, until
from tests.system.serving import KEY, NEXT_KEY, Serving, Stand
from tests.twins.segment import Fault


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.new()


@pytest.fixture
async def stand(tmp_path: Path, signer: Signer) -> AsyncIterator[Stand]:
    async with Stand.up(tmp_path, signer) as stand:
        yield stand


async def test_an_acknowledged_order_arrives(stand: Stand, signer: Signer) -> None:
    async with stand.serving() as serving:
        assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
        await until(lambda: settled(serving))
        assert await serving.program.end(signal.SIGTERM) == 0


async def test_a_new_write_key_is_in_use_within_two_seconds_and_nothing_is_lost(
    stand: Stand, signer: Signer
) -> None:
    stand.segment.add_key(NEXT_KEY)
    async with stand.serving() as serving:
        assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
        stand.segment.revoke_key(KEY)
        held = (await serving.report())["hash"]
        stand.write(key=NEXT_KEY)
        await until(lambda: changed(serving, held), seconds=2)
        for _ in range(20):
            assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
    assert KEY not in serving.program.text
    assert NEXT_KEY not in serving.program.text


async def test_a_paused_pipeline_keeps_and_then_sends(stand: Stand, signer: Signer) -> None:
    stand.write(key=None, state="Paused")
    async with stand.serving() as serving:
        for _ in range(3):
            assert await serving.order(signer) == 200
        assert (await serving.report())["pending"] == 3
        stand.write()
        await until(lambda: stand.arrived() == stand.acknowledged)


async def test_a_broken_file_changes_nothing_and_is_said_once(stand: Stand, signer: Signer) -> None:
    async with stand.serving() as serving:
        stand.file.write_text("pipelines: [")
        told = await serving.program.logged("pipelines_unreadable")
        assert told["problem"].startswith(f"{stand.file}:1: ")
        assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
    assert serving.program.text.count("pipelines_unreadable") == 1


async def test_what_segment_refuses_for_good_waits_for_a_new_key(
    stand: Stand, signer: Signer
) -> None:
    stand.segment.faults.add(Fault(status=401, times=1000))
    async with stand.serving() as serving:
        assert await serving.order(signer) == 200
        await until(lambda: parked(serving))
        assert (await serving.report())["pending"] == 1
        stand.segment.faults.clear()
        stand.segment.add_key(NEXT_KEY)
        stand.write(key=NEXT_KEY)
        await until(lambda: stand.arrived() == stand.acknowledged)
        assert await until(lambda: settled(serving))


async def changed(serving: Serving, held: str) -> bool:
    return bool((await serving.report())["hash"] != held)


async def parked(serving: Serving) -> bool:
    return (await serving.report())["parked"] is not None


async def settled(serving: Serving) -> bool:
    report = await serving.report()
    return report["pending"] == 0 and report["parked"] is None


# what cannot start


async def refused(*arguments: str | Path) -> str:
    async with saleor_segment(*arguments) as program:
        code = await program.ended()
    assert code == 2, program.text
    assert len(program.lines) == 1, program.text
    return program.text


async def test_a_second_process_on_one_folder_is_refused(stand: Stand) -> None:
    async with stand.serving():
        assert str(stand.folder / "data") in await refused(*stand.arguments())


async def test_a_port_in_use_is_refused(stand: Stand) -> None:
    _, _, port = stand.shop.url.rpartition(":")
    arguments = [a.replace("127.0.0.1:0", f"127.0.0.1:{port}") for a in stand.arguments()]
    assert f"127.0.0.1:{port}" in await refused(*arguments)


async def test_a_folder_that_cannot_be_written_is_refused(stand: Stand) -> None:
    blocked = stand.folder / "blocked"
    blocked.write_text("")
    arguments = [str(blocked / "data") if "/data" in a else a for a in stand.arguments()]
    assert str(blocked) in await refused(*arguments)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("pipelines: [", ":1: "),
        ("pipelines:\n- idd: 1\n", ":2: pipelines.0.idd: is no field here: did you mean id?"),
        ("", "documents instead of one"),
    ],
)
async def test_a_broken_file_at_the_start_is_refused(stand: Stand, content: str, says: str) -> None:
    stand.file.write_text(content)
    text = await refused(*stand.arguments())
    assert str(stand.file) in text
    assert says in text


async def test_a_blank_internal_token_is_refused(stand: Stand) -> None:
    token = stand.folder / "token"
    token.write_text("\n")
    assert str(token) in await refused(*stand.arguments(), "--internal-token-file", token)


async def test_secrets_without_a_way_to_the_api_server_are_refused(stand: Stand) -> None:
    arguments = [a.replace(str(stand.file), "kubernetes") for a in stand.arguments()]
    named = (*arguments, "--namespace", "events", "--service-account", str(stand.folder))
    text = await refused(*named)
    assert str(stand.folder) in text
    assert "--kubeconfig" in text
    text = await refused(*named, "--kubeconfig", stand.folder / "none")
    assert f"--kubeconfig {stand.folder}/none: " in text
    assert "--namespace" in await refused(*arguments, "--service-account", str(stand.folder))
