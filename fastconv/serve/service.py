"""The network that is served, for the endpoints and for the page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .batching import Batcher
from .errors import RequestError, busy
from .metrics import Metrics
from .model import Model
from .settings import Settings

__all__ = ["Service"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_THREADS = 2  # for work other than batches


class Service:
    """A network under a name, which may be exchanged.

    Parameters
    ----------
    net : Net
    name : str
    settings : Settings, optional

    Raises
    ------
    ValueError
        If `name` is not of letters, digits, ``.``, ``_`` and ``-``, or there is not a label for each class.
    """

    def __init__(self, net: Any, name: str, settings: Settings | None = None) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"`name` must be of letters, digits, '.', '_' and '-'; received {name!r}")
        self.name, self.settings = name, settings or Settings()
        self.metrics = Metrics()
        self.model = self._model(net, 1)
        self.metrics.loaded(1)
        self._batcher = Batcher(self.settings, self.metrics)
        self._executor = ThreadPoolExecutor(_THREADS, "fastconv")
        self._running = 0

    @property
    def net(self) -> Any:
        """The network that is served at the moment."""
        return self.model.net

    async def predict(self, x: Any) -> Any:
        """The outputs as a call of the network gives them, computed in a batch with other requests.

        Parameters
        ----------
        x : array_like, or a dict or list of them

        Raises
        ------
        ValueError, TypeError
            If inputs do not fit the network.
        RequestError
            If too many requests wait, or the time is over.
        """
        outputs = await self.infer(self.model, x)
        return outputs[0] if len(outputs) == 1 else outputs

    async def infer(self, model: Model, x: Any) -> list[Any]:
        """The list of outputs of that model, one that has been served since the request began."""
        return await self.compute(model, model.arrays(x))

    def compute(self, model: Model, arrays: list[Any]) -> asyncio.Future[list[Any]]:
        """As `infer`, of arrays as `Model.arrays` gives them; to be awaited."""
        return self._batcher(model, arrays)

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """What the function returns, outside of the event loop.

        Raises
        ------
        RequestError
            If too many calls wait, or the time is over.
        """
        if self._running >= self.settings.max_queue:
            raise busy(f"{self._running} requests are waiting already")
        self._running += 1
        try:
            async with asyncio.timeout(self.settings.timeout):
                return await asyncio.get_running_loop().run_in_executor(self._executor, function, *args)
        except TimeoutError:
            raise busy(f"not computed within {self.settings.timeout:g} s") from None
        finally:
            self._running -= 1

    def exchange(self, net: Any) -> None:
        """Serve another network from the next request on."""
        self.model = self._model(net, self.model.version + 1)
        self.metrics.loaded(self.model.version)

    def _model(self, net: Any, version: int) -> Model:
        labels = self.settings.labels
        if labels:
            from ..vision import Classifier

            classes = Classifier(net).classes
            if classes != len(labels):
                raise ValueError(f"there are {len(labels)} labels; the network has {classes} classes")
        return Model(net, version, self.settings.max_batch)

    def found(self, version: str) -> Model:
        """The model of that version; RequestError 404 if it is not served."""
        model = self.model
        if version != str(model.version):
            raise RequestError(404, f"version {version} of {self.name} is not served; version {model.version} is")
        return model
