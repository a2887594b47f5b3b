"""A web service that labels videos and pictures. The model is loaded once, and requests take turns.

    pip install fastapi uvicorn
    STILLMOTION_MODEL=comparison/runs/dense-motion-conv3d-seed0 uvicorn service:app
    curl --data-binary @clip.mp4 http://127.0.0.1:8000/predict

docs/embedding.md explains it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

import stillmotion as sm

MAX_BYTES = 100 * 2**20


@asynccontextmanager
async def load_model(app: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request, and predict once: the first prediction compiles."""
    model = app.state.model = sm.load_clip_model(os.environ["STILLMOTION_MODEL"])
    spec = model.spec
    list(sm.predict(model, np.zeros((spec.frames, spec.height, spec.width, 3), np.uint8)))
    yield


app = FastAPI(lifespan=load_model)


@app.post("/predict")
async def predict(request: Request) -> dict[str, Any]:
    """Label the video or picture that is the request's body."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            raise HTTPException(413, f"larger than {MAX_BYTES} bytes")
    # In a thread, so that other requests are answered meanwhile.
    (result,) = await run_in_threadpool(lambda: list(sm.predict(app.state.model, content)))
    if isinstance(result, sm.SkippedVideo):
        raise HTTPException(422, result.reason)
    probabilities = dict(zip(result.labels, map(float, result.probabilities), strict=True))
    return {"label": result.label, "probabilities": probabilities}
