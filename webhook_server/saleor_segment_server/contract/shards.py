"""In which Secrets of the release the Pipelines lie: what operator and server agree on."""

import hashlib


def pipelines_secret(release: str, shard: int) -> str:
    """Return the name of the Secret that holds this shard of the Pipelines."""
    return f"{release}-pipelines-{shard}"


def shard_of(pipeline_id: str, shards: int) -> int:
    """Return the number of the shard, from 0, that the Pipeline with this id lies in."""
    return int(hashlib.sha256(pipeline_id.encode()).hexdigest(), 16) % shards
