"""A network on Ray Serve, two replicas: Ray routes, scales and restarts; each replica maps the same file.

pip install fastconv "ray[serve]"; MODEL=/path/to/lenet.fcn serve run ray_app:app
"""

import os

import numpy as np
from ray import serve
from starlette.requests import Request

import fastconv


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 1})
class Digits:
    """Answers rows of numbers; Ray collects the requests of a replica into batches."""

    def __init__(self, path: str):
        self.net = fastconv.load(path)

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
    async def compute(self, images: list[np.ndarray]) -> list[np.ndarray]:
        outputs = self.net(np.concatenate(images))
        return np.split(outputs, np.cumsum([len(rows) for rows in images])[:-1])

    async def __call__(self, request: Request) -> dict:
        images = np.array((await request.json())["instances"], np.float32)
        return {"predictions": (await self.compute(images)).tolist()}


app = Digits.bind(os.environ["MODEL"])
