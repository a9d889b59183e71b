"""Uploads to their results."""

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
    """The object was overwritten again and again while its result was made."""


def write_results(models: Models, uploads: Iterable[Upload], outcomes: Counter[str]) -> None:
    """Write the result of each upload, and count the outcomes."""
    for upload in uploads:
        outcomes[write_result(models, storage(), upload)] += 1


def write_result(models: Models, storage: Storage, upload: Upload) -> str:
    """Write the result of what is under the upload's key now.

    A notification is a hint to look at a key, not a fact about its content. S3 sends it at least
    once, late and in any order, and perhaps only one for two writes at the same moment into a
    bucket without versions. By the time it is read, the version or ETag that it names may be
    superseded or deleted: a result of it would be of a picture that its owner has replaced or taken
    back.

    What counts is that the last result written is of the last picture, without any order or lock.
    So each run looks again after it has written, and starts over if the object is no longer the one
    that it read. S3 shows every write to all reads that begin after it. Had the run that writes
    last read an older picture, its look would have found the newer one; unless that came after the
    look, but then the run for its notification writes later still. A repeated notification writes
    the same bytes once more.

    Returns the outcome: CLASSIFIED, GONE, IGNORED, or the code of the picture's fault.

    Raises:
        KeepsChanging, and what the S3 client raises.
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
