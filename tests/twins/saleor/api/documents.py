"""GraphQL documents, read and checked once: the same few come again and again."""

from functools import lru_cache

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate

_MOST = 256


@lru_cache(_MOST)
def parsed(query: str) -> DocumentNode:
    """Return the document. Raises ``GraphQLSyntaxError``."""
    return parse(query)


@lru_cache(_MOST)
def errors_in(query: str, schema: GraphQLSchema) -> tuple[GraphQLError, ...]:
    """Return what is wrong with a document that can be read."""
    return tuple(validate(schema, parsed(query)))
