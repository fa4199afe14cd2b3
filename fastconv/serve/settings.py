"""What a server is told: the bounds that it holds its clients to, and who may ask."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Settings"]

_LEAST = {
    "max_batch": 1,
    "max_wait": 0,
    "max_body": 1,
    "max_queue": 1,
    "max_connections": 1,
    "max_pixels": 1,
    "timeout": 0.001,
}


@dataclass(frozen=True)
class Settings:
    """What a server is told.

    Parameters
    ----------
    max_batch : int
        Images computed in one call. Requests of more are computed in several.
    max_wait : float
        Milliseconds that a batch which is not full waits for more, if several requests are there.
    max_body : int
        Bytes of a request's body. Bodies of all requests under way may take sixteen times that.
    max_queue : int
        Requests that wait to be computed.
    max_connections : int
        Of one process.
    max_pixels : int
        Of a picture that is decoded.
    timeout : float
        Seconds that a request may take to arrive, and that it may wait for its result.
    allowed_hosts : tuple of str
        Names that the header Host may have, in addition to localhost and numeric addresses; ``*`` for all.
    api_keys : tuple of str
        One of them must come in ``Authorization: Bearer``; none by default.
    access_log : bool
        Whether each request is a line of JSON on the error stream.
    labels : tuple of str
        The classes' words, which the page shows; one for each class of the network.

    Raises
    ------
    ValueError
        If a number is below the least one that makes sense.

    Examples
    --------
    >>> Settings(max_batch=64).max_batch
    64
    """

    max_batch: int = 32
    max_wait: float = 0.0
    max_body: int = 64 << 20
    max_queue: int = 256
    max_connections: int = 1024
    max_pixels: int = 50_000_000
    timeout: float = 30.0
    allowed_hosts: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    access_log: bool = False
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            least, value = _LEAST.get(field.name), getattr(self, field.name)
            if least is not None and not value >= least:
                raise ValueError(f"`{field.name}` must be at least {least}; received {value}")
        if not all(key.isascii() and key.strip() == key and key for key in self.api_keys):
            raise ValueError("`api_keys` must be of ASCII characters, without spaces around them")
