import asyncio
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_operator import errors as operator_errors
from saleor_segment_operator.operate import OperateSettings
from saleor_segment_operator.operate.operate import operate
from saleor_segment_server import errors as server_errors

START_ERRORS = (operator_errors.StartError, server_errors.StartError)


async def refused(folder: Path, **changes: Any) -> str:
    """Run an operator on what it cannot run on; return the line that says so."""
    told: dict[str, Any] = {
        "public_url": "https://hooks.example.com",
        "namespace": "release",
        "private_listen": "127.0.0.1:0",
        "service_account": folder / "account",
    }
    settings = OperateSettings(**(told | changes))
    with pytest.raises(START_ERRORS) as raised:
        await asyncio.wait_for(operate(settings, asyncio.Event()), 5)
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_outside_of_a_pod_the_release_must_be_named(tmp_path: Path) -> None:
    assert "--namespace" in await refused(tmp_path, namespace=None)


async def test_without_a_way_to_the_api_server_it_does_not_start(tmp_path: Path) -> None:
    assert "--kubeconfig" in await refused(tmp_path)
    broken = tmp_path / "kubeconfig"
    broken.write_text("nonsense: 1\n")
    assert str(broken) in await refused(tmp_path, kubeconfig=broken)
