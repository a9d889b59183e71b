"""Lambda's event source mapping from a queue to a function, with the template's settings."""

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from scripts.s3_events import sqs_message
from tests.e2e.emulator import Emulator, FunctionError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef


class EventSource:
    """Polls a queue, invokes instances of a function, and deletes the messages they have processed.

    To save time, a failed message becomes visible at once instead of after its visibility timeout.
    The queue limits how often it is delivered, as on AWS.

    ``mapping``: the properties of the translated template's AWS::Lambda::EventSourceMapping.
    ``deliveries``: how often each message was handed to an instance.
    """

    def __init__(
        self, sqs: "SQSClient", queue: str, mapping: dict[str, Any], instances: Sequence[Emulator]
    ) -> None:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert len(instances) <= int(mapping["ScalingConfig"]["MaximumConcurrency"])
        self.deliveries: Counter[str] = Counter()
        self.invocations = 0
        self.failed_invocations = 0
        self._sqs = sqs
        self._queue = queue
        self._batch_size = int(mapping["BatchSize"])
        self._instances = instances
        self._changed = threading.Condition()
        self._at_work = 0

    def drain(self, deadline: float) -> None:
        """Run until the queue is empty, or fail after ``deadline`` seconds."""
        with ThreadPoolExecutor(len(self._instances)) as pool:
            for done in [pool.submit(self._serve, one) for one in self._instances]:
                done.result(deadline)

    def _serve(self, instance: Emulator) -> None:
        while batch := self._next_batch():
            failed = self._invoke(instance, batch)
            with self._changed:
                for message in batch:
                    self._settle(message, failed=message["MessageId"] in failed)
                self._at_work -= 1
                self._changed.notify_all()

    def _next_batch(self) -> "list[MessageTypeDef]":
        """Return messages as soon as there are any, or none when no batch is left."""
        with self._changed:
            while True:
                batch = self._sqs.receive_message(
                    QueueUrl=self._queue, MaxNumberOfMessages=self._batch_size, WaitTimeSeconds=0
                ).get("Messages", [])
                if batch:
                    self._at_work += 1
                    self.invocations += 1
                    self.deliveries.update(message["MessageId"] for message in batch)
                if batch or not self._at_work:
                    return batch
                self._changed.wait()

    def _invoke(self, instance: Emulator, batch: "list[MessageTypeDef]") -> set[str]:
        """Return the failed messages: those that the function names, or all if it fails itself."""
        ids = {message["MessageId"] for message in batch}
        event = {"Records": [sqs_message(one["MessageId"], one["Body"]) for one in batch]}
        try:
            answer = instance.invoke(event)
        except FunctionError:
            self.failed_invocations += 1
            instance.restart()
            return ids
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        assert failed <= ids
        return failed

    def _settle(self, message: "MessageTypeDef", *, failed: bool) -> None:
        receipt = message["ReceiptHandle"]
        if failed:
            self._sqs.change_message_visibility(
                QueueUrl=self._queue, ReceiptHandle=receipt, VisibilityTimeout=0
            )
        else:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=receipt)
