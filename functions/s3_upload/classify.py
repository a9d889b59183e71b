"""Classification of uploads, and writing of their results."""

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ethnicity import answers
from ethnicity.errors import PictureError
from ethnicity.images import check_size
from ethnicity.pipeline import Models, classify
from s3_upload.storage import Storage, storage
from s3_upload.uploads import Upload

if TYPE_CHECKING:
    from botocore.response import StreamingBody

_LOOKS = 5

CLASSIFIED = "ok"
GONE = "gone"
IGNORED = "ignored"


class KeepsChanging(Exception):
    """The object was overwritten each time while its result was computed."""


def write_results(models: Models, uploads: Iterable[Upload], outcomes: Counter[str]) -> None:
    """Write the result of each upload, and count the outcomes."""
    for upload in uploads:
        outcomes[write_result(models, storage(), upload)] += 1


def write_result(models: Models, storage: Storage, upload: Upload) -> str:
    """Write the result for the current object under the upload's key.

    A notification only says that a key has changed. S3 sends it at least once, late and in any
    order, and may send one notification for two simultaneous writes into a bucket without
    versioning. The owner may already have replaced or deleted the version or ETag that it names, so
    the function ignores both.

    The last result written must belong to the last picture, without ordering or locks. So each run
    checks the object again after writing, and starts over if it has changed. This works because S3
    shows every write to all reads that begin after it. If the run that writes last had read an
    older picture, its check would have found the newer one. If the newer picture arrived after the
    check, its own notification starts a run that writes later. A repeated notification writes the
    same bytes again.

    Returns:
        The outcome: CLASSIFIED, GONE, IGNORED, or the code of the picture's error.

    Raises:
        KeepsChanging: the object changed during each of five attempts.
        botocore's exceptions: S3 failed.
    """
    if not upload.is_picture:
        return IGNORED
    for _ in range(_LOOKS):
        opened = storage.open(upload)
        if opened is None:
            return GONE
        source, body = opened
        with closing(body):
            answer = _answer(models, body, source["size"])
        storage.write(upload, answer | {"source": source})
        if storage.look(upload) in (source, None):
            return str(answer.get("code", CLASSIFIED))
    raise KeepsChanging


def _answer(models: Models, body: "StreamingBody", size: int) -> dict[str, Any]:
    try:
        check_size(size)
        classification = classify(models, body.read(), all_faces=True)
    except PictureError as fault:
        return answers.error(fault)
    return answers.all_faces(classification)
