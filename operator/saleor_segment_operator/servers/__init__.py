"""What the servers hold and how far they are: their private API, read from every one of them."""

from saleor_segment_operator.servers.calls import Tokens
from saleor_segment_operator.servers.fates import Fate
from saleor_segment_operator.servers.servers import Addresses, Servers
from saleor_segment_operator.servers.words import Totals, Word, Words

__all__ = ["Addresses", "Fate", "Servers", "Tokens", "Totals", "Word", "Words"]
