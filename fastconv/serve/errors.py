"""What a request is refused with."""

from __future__ import annotations

__all__ = ["RequestError", "busy"]

RETRY_AFTER = 1  # seconds


class RequestError(Exception):
    """A request that is not served: the status and the words that its client gets.

    Parameters
    ----------
    status : int
        Of HTTP.
    message : str
    headers : dict of str to str, optional

    Examples
    --------
    >>> RequestError(413, "the body is too large").status
    413
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


def busy(message: str, headers: dict[str, str] | None = None) -> RequestError:
    """503, with the time after which to try again."""
    return RequestError(503, message, {"retry-after": str(RETRY_AFTER), **(headers or {})})
