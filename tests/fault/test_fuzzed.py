"""Requests that no shop signed: none is accepted, and each refusal has its reason."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fault.forging import captured
from tests.fault.fuzzing import Fuzzed, cases, fuzzed
from tests.fault.mangling import Case
from tests.fault.wire import Request
from tests.signing import b64
from tests.system.programs import until

SEED = 6
MOST_MEMORY = 200 * 2**20
KEY_IDS = [captured()[0].signature, captured()[-1].signature]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Fuzzed]:
    async with fuzzed(tmp_path) as house:
        yield house


async def hold(house: Fuzzed, descriptors: int) -> None:
    """Hold the server to being as it was before."""
    assert house.tally.wrong == []
    await until(lambda: house.descriptors() <= descriptors + 2)
    assert await house.leftovers() == {"pending": 0, "dead": 0, "delivered": 1}
    assert house.complaints() == []
    assert house.peak() < MOST_MEMORY
    assert await house.serving.order(house.signer) == 200


async def test_mutated_deliveries_are_refused_each_with_its_reason(house: Fuzzed) -> None:
    before = house.descriptors()
    await house.send(cases(SEED, 2500))
    await hold(house, before)
    assert {answer.split()[0] for answer in house.tally.answers} >= {"400", "401", "404", "415"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
key_ids = st.sampled_from(["", "a", "QbCQAgsBLKlbakIN-uo57awdA4H4pC_UkedZc9SFS_Y"]) | st.text()
protected = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["RS256", "RS256", "RS256", "none", "HS256", "RS512"]) | json_values,
        "b64": st.just(value=False) | json_values,
        "crit": st.just(["b64"]) | json_values,
        "kid": key_ids | json_values,
        "jku": st.just("http://169.254.169.254/"),
        "jwk": json_values,
    },
).map(lambda header: b64(json.dumps(header).encode()))
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)
signatures = st.builds(
    "{}.{}.{}".format,
    protected | printable | st.sampled_from([each.partition(".")[0] for each in KEY_IDS]),
    st.just("") | st.just("") | printable,
    st.binary(max_size=600).map(b64) | printable,
)
bodies = st.binary(max_size=2000) | json_values.map(lambda value: json.dumps(value).encode())
names = st.from_regex(r"\A[A-Za-z][A-Za-z-]{2,20}\Z").map(lambda name: "X-" + name)
requests = st.builds(
    lambda body, signatures, more: Request(
        (
            ("Host", "x"),
            ("Content-Type", "application/json"),
            *(("Saleor-Signature", each) for each in signatures),
            *more,
            ("Content-Length", str(len(body))),
        ),
        body,
    ),
    bodies,
    st.lists(signatures | printable, max_size=2) | st.lists(signatures, min_size=1, max_size=1),
    st.lists(st.tuples(names, printable), max_size=4),
)
whole = requests.map(lambda request: Case(request.raw(), whole=True))
noise = st.binary(min_size=1, max_size=500).map(lambda data: Case(data, whole=False))


async def test_made_up_requests_are_refused_each_with_its_reason(house: Fuzzed) -> None:
    before, loop = house.descriptors(), asyncio.get_running_loop()

    @settings(
        max_examples=16,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(whole | whole | noise, min_size=20, max_size=24))
    def send(made_up: list[Case]) -> None:
        asyncio.run_coroutine_threadsafe(house.send(made_up), loop).result()
        assert house.tally.wrong == []

    await asyncio.to_thread(send)
    assert house.tally.sent >= 300
    await hold(house, before)
