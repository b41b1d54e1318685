"""Webhook deliveries: made for events, signed, sent, tried again."""
