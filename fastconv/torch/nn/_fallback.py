"""Functions that leave to torch what no kernel serves."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable


class Unserved(ValueError):
    """torch computes this."""


_F = TypeVar("_F", bound="Callable[..., Any]")


def or_torch(stock: Any) -> Callable[[_F], _F]:
    """What a function becomes that raises a ValueError or TypeError for what it does not serve: torch's computes it."""

    def decorate(function: _F) -> _F:
        @functools.wraps(stock)
        def either(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except (ValueError, TypeError):
                return stock(*args, **kwargs)

        either.__doc__ = f"`torch.nn.functional.{function.__name__}`{function.__doc__ or '.'}"
        either.__module__, either.__wrapped__ = function.__module__, function
        return cast("_F", either)

    return decorate
