"""A shop that is called at one address and gives itself another, as one behind a gateway does."""

from pathlib import Path

from tests.control_plane.standalone.stand import condition, standing

SHOP = "https://shop.example.com"


async def test_orders_of_a_shop_that_calls_itself_otherwise_arrive(tmp_path: Path) -> None:
    async with standing(tmp_path, shop_url=SHOP) as stand, stand.running() as run:
        await condition(run, "Ready", "True")
        await stand.arrives(stand.order())


async def test_a_public_url_that_is_not_the_shops_is_a_condition(tmp_path: Path) -> None:
    async with standing(tmp_path, shop_url=SHOP) as stand:
        stand.spec["saleor"]["publicUrl"] = "https://other.example.com"
        stand.save()
        async with stand.running() as run:
            message = await condition(run, "Ready", "False", reason="PublicUrlMismatch")
        assert SHOP in message
        assert stand.webhooks() == [False] * 5
