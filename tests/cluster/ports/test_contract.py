"""The contract of the ports, held by what is kept on the API server."""

from tests.ports.contract import *  # noqa: F403 - its tests are these modules' tests
