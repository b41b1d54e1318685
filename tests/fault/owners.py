"""Several Pipelines of one server, each with a write key of its own, by which a fault finds it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.signing import Signer
from tests.system.serving import Serving, Stand, document
from tests.twins.segment import Fault, SegmentTwin


@dataclass
class Owner:
    """Who has one Pipeline, and the account of it."""

    stand: Stand
    number: int
    name: str = ""
    """What happens to it, for messages."""
    orders: list[str] = field(default_factory=list)
    """Those that were acknowledged."""
    endpoint: str | None = None
    """Where its events go; ``None``: to the stand's Segment."""
    generation: int = 1
    """How often its write key was made."""

    @property
    def id(self) -> str:
        """Its Pipeline's id."""
        return f"5bcfe642-0000-4000-8000-{self.number:012}"

    @property
    def key(self) -> str:
        """Its write key, which is in every body it sends."""
        return f"key-{self.generation}-of-owner-{self.number:06}-"

    def document(self) -> dict[str, Any]:
        """Return its Pipeline as the file holds it."""
        endpoint = self.endpoint or self.stand.segment.url
        segment = {"endpoint": endpoint, "writeKey": self.key}
        return document(self.stand, id=self.id, segment=segment)

    def strike(self, fault: Fault, *, containing: str = "", at: SegmentTwin | None = None) -> None:
        """Have a fault happen to its requests alone, or to those that hold a text of its own."""
        fault = replace(fault, containing=containing or self.key)
        (at or self.stand.segment).faults.add(fault)

    def new_key(self) -> None:
        """Have another write key, which Segment knows; the file is still to be written."""
        self.generation += 1
        self.stand.segment.add_key(self.key)

    async def order(self, serving: Serving, signer: Signer, count: int = 1) -> None:
        """Deliver so many orders; each must be accepted, whatever happens elsewhere."""
        for _ in range(count):
            letter = self.stand.letter(signer)
            assert await serving.deliver(letter, self.id) == 200, self.name
            self.orders.append(letter.order_id)

    async def report(self, serving: Serving) -> dict[str, Any]:
        """Return what the server reports of its Pipeline."""
        return (await serving.reports())[self.id]

    async def counted(self, serving: Serving, sample: str, **labels: str) -> float:
        """Return a metric of its Pipeline; 0 where there is none yet."""
        named = {"pipeline": self.id, **labels}
        pairs = ",".join(f'{name}="{named[name]}"' for name in sorted(named))
        return _sample(await serving.metrics(), f"saleor_segment_{sample}{{{pairs}}}")

    @property
    def missing(self) -> set[str]:
        """The acknowledged orders that Segment does not hold."""
        return {*self.orders} - self.stand.arrived()


def _sample(metrics: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics, re.MULTILINE)
    return float(found[1]) if found else 0.0


def move_in(stand: Stand, owners: Sequence[Owner]) -> None:
    """Have Segment know their keys and the file hold their Pipelines."""
    for owner in owners:
        stand.segment.add_key(owner.key)
    stand.write_all(*[owner.document() for owner in owners])
