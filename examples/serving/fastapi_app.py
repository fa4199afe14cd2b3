"""A network in a FastAPI program: its protocols under /model, and a path of one's own that joins their batches.

pip install fastconv[serve] fastapi; MODEL=lenet.keras uvicorn fastapi_app:app
"""

import os

import numpy as np
from fastapi import FastAPI, HTTPException

import fastconv
import fastconv.serve

model = fastconv.serve.app(fastconv.load(os.environ["MODEL"]), "digits")
app = FastAPI()
app.mount("/model", model)


@app.post("/digit")
async def digit(image: list[list[float]]) -> dict[str, int]:
    """The class of one image, a list of rows."""
    try:
        probabilities = await model.service.predict(np.array(image)[np.newaxis, :, :, np.newaxis])
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    except fastconv.serve.RequestError as error:
        raise HTTPException(error.status, str(error), error.headers) from None
    return {"digit": int(probabilities[0].argmax())}
