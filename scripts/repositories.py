"""Scan a stack's images and keep only the newest: `make repositories STACK=… KEEP=10`.

`sam deploy` creates a repository for each function in a companion stack. It neither turns on
scanning nor deletes images; this script sets both. The settings survive SAM's updates of the
companion stack, because its template does not mention them.
"""

import json
import sys

import boto3
from samcli.lib.bootstrap.companion_stack.data_types import CompanionStack


def repositories(stack: str) -> list[str]:
    """Return the names of the repositories that SAM created for a stack."""
    companion = CompanionStack(stack).stack_name
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=companion)
    return [
        each["PhysicalResourceId"]
        for each in resources["StackResources"]
        if each["ResourceType"] == "AWS::ECR::Repository"
    ]


def last(count: int) -> str:
    """Return a lifecycle policy that keeps the ``count`` images pushed last."""
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}
    return json.dumps(
        {"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]}
    )


def main(stack: str, keep: int) -> None:
    ecr = boto3.client("ecr")
    for name in repositories(stack):
        ecr.put_image_scanning_configuration(
            repositoryName=name, imageScanningConfiguration={"scanOnPush": True}
        )
        ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=last(keep))
        print(f"{name}: scanned on push, the last {keep} images are kept")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
