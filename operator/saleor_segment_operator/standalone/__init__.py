"""One process and no cluster: files in, a folder for the state.

``standalone.run`` is imported by itself: it brings the GraphQL client in, which the server does
without.
"""

from saleor_segment_operator.standalone.settings import RunSettings

__all__ = ["RunSettings"]
