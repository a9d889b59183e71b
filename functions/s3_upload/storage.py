"""S3, as far as the function needs it: uploads are read, results are written."""

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
"""Which bytes of which object a result is of, as the result says it."""


@dataclass(frozen=True)
class Storage:
    """The client, and the bucket that results go to. Made by `storage`."""

    s3: "S3Client"
    results_bucket: str

    def open(self, upload: Upload) -> tuple[Source, "StreamingBody"] | None:
        """What is there now, its bytes not yet read; ``None`` where the object is gone."""
        try:
            found = self.s3.get_object(Bucket=upload.bucket, Key=upload.key)
        except self.s3.exceptions.NoSuchKey:
            return None
        return _source(upload, found), found["Body"]

    def look(self, upload: Upload) -> Source | None:
        """What is there now; ``None`` where the object is gone."""
        try:
            return _source(upload, self.s3.head_object(Bucket=upload.bucket, Key=upload.key))
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "404":  # the answer has no body to say more
                return None
            raise

    def write(self, upload: Upload, result: dict[str, Any]) -> None:
        """Write the upload's result, over an older one if there is one."""
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
    """The one of this process, made when first asked for."""
    # A call that S3 leaves unanswered is given up well before the function's own time is over:
    # then it is one message that comes again, and not the whole batch.
    s3 = new_client(read_timeout=5, attempts=3)
    return Storage(s3, os.environ["RESULTS_BUCKET"])
