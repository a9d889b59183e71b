"""S3 clients for the functions."""

import functools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Their warnings quote the URL of a request, which contains a key.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def new_client(read_timeout: int, attempts: int) -> "S3Client":
    """Create a client with ``read_timeout`` in seconds and ``attempts`` in all for each call."""
    import boto3  # noqa: PLC0415 - slow to import
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=2,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return boto3.client("s3", config=config)


@functools.cache
def s3_client() -> "S3Client":
    """Return the audit functions' client: one per process, created on first use."""
    return new_client(read_timeout=10, attempts=5)


def aws_code(error: BaseException) -> str | None:
    """Return S3's code for an error, such as SlowDown; ``None`` for other errors."""
    response = getattr(error, "response", None)  # some errors of botocore have none
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None
