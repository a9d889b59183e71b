"""FastAPI, without what it prepares for descriptions of APIs: ours is written by hand."""

from pydantic import BaseModel

# Its models of OpenAPI documents are built when first used, so never: 20 ms of a start.
BaseModel.model_config["defer_build"] = True

from fastapi import FastAPI  # noqa: E402

del BaseModel.model_config["defer_build"]

__all__ = ["FastAPI"]
