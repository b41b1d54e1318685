"""Control plane: keeps a Saleor shop registered and its webhooks pointed at the server."""
