"""The contract of the ports, held by what is kept in memory and in a folder."""

from tests.ports.contract import *  # noqa: F403 - its tests are these modules' tests
