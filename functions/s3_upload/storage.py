"""Reading uploads from S3, and writing results to it."""

import functools
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.s3 import new_client
from s3_upload.uploads import Upload

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

Source = dict[str, Any]
"""The object and version that a result belongs to, as the result contains it."""


@dataclass(frozen=True)
class Storage:
    """The client and the results bucket. Created by `storage`."""

    s3: "S3Client"
    results_bucket: str

    def open(self, upload: Upload) -> tuple[Source, "StreamingBody"] | None:
        """Open the current object without reading it; ``None`` if it was deleted."""
        try:
            found = self.s3.get_object(Bucket=upload.bucket, Key=upload.key)
        except self.s3.exceptions.NoSuchKey:
            return None
        return _source(upload, found), found["Body"]

    def look(self, upload: Upload) -> Source | None:
        """Describe the current object; ``None`` if it was deleted."""
        try:
            return _source(upload, self.s3.head_object(Bucket=upload.bucket, Key=upload.key))
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "404":  # HEAD's answer has no more exact code
                return None
            raise

    def write(self, upload: Upload, result: dict[str, Any]) -> None:
        """Write the upload's result, replacing an older one."""
        self.s3.put_object(
            Bucket=self.results_bucket,
            Key=upload.result_key,
            Body=json.dumps(result, ensure_ascii=False).encode(),
            ContentType="application/json",
        )


def _source(upload: Upload, found: "GetObjectOutputTypeDef | HeadObjectOutputTypeDef") -> Source:
    return {
        "bucket": upload.bucket,
        "key": upload.key,
        "version_id": found.get("VersionId"),
        "etag": found["ETag"].strip('"'),
        "size": found["ContentLength"],
    }


@functools.cache
def storage() -> Storage:
    """Return the storage of this process, created on first use."""
    # An unanswered call to S3 times out well before the function does, so that one message is
    # delivered again instead of the whole batch.
    s3 = new_client(read_timeout=5, attempts=3)
    return Storage(s3, os.environ["RESULTS_BUCKET"])
