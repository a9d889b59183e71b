"""FastAPI, without its models of OpenAPI documents: ours is written by hand."""

from pydantic import BaseModel

# FastAPI then builds these models on first use, which never happens; saves 20 ms per start.
BaseModel.model_config["defer_build"] = True

from fastapi import FastAPI  # noqa: E402

del BaseModel.model_config["defer_build"]

__all__ = ["FastAPI"]
