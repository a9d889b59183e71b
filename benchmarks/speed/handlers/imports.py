"""The cold start's floor: imports the packages that any such service needs, and does nothing."""

import aws_lambda_powertools  # noqa: F401
import fastapi  # noqa: F401
import mangum  # noqa: F401
import numpy as np  # noqa: F401


def handler(_: object, __: object) -> dict[str, int]:
    return {"statusCode": 200}
