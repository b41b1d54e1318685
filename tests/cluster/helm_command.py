"""``helm`` as README writes it, on Helm's own library: the machine need not have the program.

``python -m tests.cluster.helm_command install NAME CHART …``, with ``KUBECONFIG`` set.
``HELM_VALUES`` names a YAML file of values that a test adds to those of the command line.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.helm import Helm


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    given = _parser().parse_args(arguments)
    helm = Helm(Path(os.environ["KUBECONFIG"])).within(given.namespace)
    asyncio.run(_do(helm, given))


async def _do(helm: Helm, given: argparse.Namespace) -> None:
    if given.action == "uninstall":
        await helm.uninstall(given.name, wait=given.wait)
        return
    values = _values(given.set)
    if given.action == "install":
        await helm.install(
            given.chart,
            given.name,
            values,
            wait=given.wait,
            create_namespace=given.create_namespace,
        )
    else:
        await helm.upgrade(
            given.chart, given.name, values, wait=given.wait, reuse_values=given.reuse_values
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="helm", allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("install", "upgrade", "uninstall"):
        action = actions.add_parser(name, allow_abbrev=False)
        action.add_argument("name")
        action.add_argument("--namespace", "-n", default="default")
        action.add_argument("--wait", action="store_true")
        if name != "uninstall":
            action.add_argument("chart", type=Path)
            action.add_argument("--set", action="append", default=[])
        if name == "install":
            action.add_argument("--create-namespace", action="store_true")
        if name == "upgrade":
            action.add_argument("--reuse-values", action="store_true")
    return parser


def _values(settings: Sequence[str]) -> dict[str, Any]:
    """Read ``a.b=c`` as Helm does, for plain names, and add the test's own."""
    extra = os.environ.get("HELM_VALUES")
    values: dict[str, Any] = yaml.safe_load(Path(extra).read_text()) if extra else {}
    for setting in settings:
        path, _, text = setting.partition("=")
        *folders, name = path.split(".")
        place = values
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = yaml.safe_load(text)
    return values


if __name__ == "__main__":
    main(sys.argv[1:])
