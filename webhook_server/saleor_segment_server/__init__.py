"""Data plane: verifies Saleor's deliveries, journals them and forwards them to Segment."""
