"""A client of S3 for the functions that need one."""

import functools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Their warnings quote the URL of a request, and so a key.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def new_client(read_timeout: int, attempts: int) -> "S3Client":
    """A client that waits ``read_timeout`` seconds for an answer, and tries ``attempts`` times."""
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
    """The audit functions' client, one for the process, made when first asked for."""
    return new_client(read_timeout=10, attempts=5)


def aws_code(error: BaseException) -> str | None:
    """AWS's code for an error that S3 answered with, such as SlowDown; ``None`` for any other."""
    response = getattr(error, "response", None)  # not every error of botocore's has one
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None
