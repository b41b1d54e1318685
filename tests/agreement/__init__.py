"""What must stay in step: docs with code, the tree with its layout."""
