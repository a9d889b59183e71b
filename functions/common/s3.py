"""The audit functions' S3 client."""

import functools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Their warnings quote the URL of a request, and so a key.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@functools.cache
def s3_client() -> "S3Client":
    """The one of this process, made when first asked for: boto3 is slow to import."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 5},
    )
    return boto3.client("s3", config=config)
