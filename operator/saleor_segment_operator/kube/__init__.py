"""The ports of reconciling on the Kubernetes API server, and what tells of changes."""
