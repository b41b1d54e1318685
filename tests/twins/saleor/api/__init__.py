"""Saleor's GraphQL API on graphql-core: the schema's part we use, its resolvers, its errors."""
