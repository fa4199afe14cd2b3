"""Operations as torch knows them: for the dispatcher, autograd, tracing and vmap; and the short way past all these."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import _disable_dynamo  # type: ignore[attr-defined]
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd import forward_ad
from torch.jit._trace import is_tracing

__all__ = ["Op", "added", "is_unobserved", "keep", "primals", "wanted"]

_library = torch.library.Library("fastconv", "DEF")
_PLAIN = (torch.Tensor, torch.nn.Parameter)
# On within autograd's own vmap, under which tensors look like any others.
_VMAP = torch._C._dispatch_key_parse("VmapMode")


def _is_plain(tensor: torch.Tensor | None) -> bool:
    """Whether this is memory of the CPU and nothing else."""
    return tensor is None or (
        type(tensor) in _PLAIN
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and not tensor.is_neg()
        and not tensor.is_nested
        and not is_functorch_wrapped_tensor(tensor)
    )


def _is_seen(tensors: Any) -> bool:
    """Whether the dispatcher has to know of an operation on these."""
    return (
        not all(map(_is_plain, tensors))
        or torch._C._len_torch_dispatch_stack() > 0
        or bool(is_tracing())
        or torch._C._dispatch_tls_is_dispatch_key_included(_VMAP)
    )


def _wants_gradient(tensors: Any) -> bool:
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def _may_have_tangents() -> bool:
    """Whether this is within `torch.autograd.forward_ad.dual_level`."""
    return forward_ad._current_level >= 0 and torch._C._is_fwd_grad_enabled()


@_disable_dynamo
def _hidden(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _uncompiled(function: Callable[..., Any], *args: Any) -> Any:
    """What torch.compile does not look into. Its machinery is imported by `_hidden`, and not where nobody uses it."""
    if torch.compiler.is_compiling() or "torch._dynamo" in sys.modules:
        return _hidden(function, *args)
    return function(*args)


def keep(ctx: Any, *tensors: torch.Tensor | None) -> None:
    """For backward and jvp, which get None for a gradient or tangent that there is not."""
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)
    ctx.set_materialize_grads(False)


def primals(ctx: Any) -> tuple[torch.Tensor | None, ...]:
    """What `keep` kept, for jvp, without the tangents of its own level."""
    return _primals(ctx.saved_tensors)


def _primals(tensors: Any) -> tuple[torch.Tensor | None, ...]:
    """Levels within levels exist in torch.func alone."""
    if not torch._C._are_functorch_transforms_active():
        return tuple(tensors)
    return tuple(t if t is None else forward_ad.unpack_dual(t).primal for t in tensors)


def added(*parts: torch.Tensor | None) -> torch.Tensor | None:
    """The sum of those that there are."""
    found = [part for part in parts if part is not None]
    return sum(found[1:], start=found[0]) if found else None


def wanted(ctx: Any, count: int, present: Any = None) -> list[bool]:
    """Of which of the first tensors this backward pass reads the gradient.

    `present` tells which of them are not None; without it all are, but maybe the last. ``ctx.needs_input_grad`` tells
    what might be read: parameters always, also where `torch.autograd.grad` is asked for the gradient of an image alone.
    """
    given = [True] * count if present is None else present
    places = [sum(given[:index]) for index in range(count)]
    return [needed and _is_read(ctx, place) for needed, place in zip(ctx.needs_input_grad, places, strict=False)]


def _is_read(ctx: Any, index: int) -> bool:
    try:
        return torch._C._will_engine_execute_node(ctx.next_functions[index][0])
    except (AttributeError, RuntimeError):  # no pass of autograd's engine, or one that was asked for this very gradient
        return True


def is_unobserved(*tensors: torch.Tensor | None) -> bool:
    """Whether nothing but the result of an operation on these matters: no gradient, transform or trace."""
    return not (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or _is_seen(tensors)
        or _wants_gradient(tensors)
        or _may_have_tangents()
    )


def _register(
    name: str,
    schema: str,
    run: Callable[..., Any],
    fake: Callable[..., Any],
    setup: Callable[..., Any],
    backward: Callable[..., Any],
) -> torch._ops.OpOverload:
    """torch.ops.fastconv.<name>.

    What torch.library.custom_op makes of these imports torch.compile's machinery when it is first called, with it
    Triton, and Triton ends a process that has imported TensorFlow before.
    """
    _library.define(name + schema, tags=torch.Tag.pt2_compliant_tag)
    _library.impl(name, run, "CPU")
    torch.library.register_fake(f"fastconv::{name}", fake, lib=_library)
    torch.library.register_autograd(f"fastconv::{name}", backward, setup_context=setup, lib=_library)
    result: torch._ops.OpOverload = getattr(torch.ops.fastconv, name).default
    return result


def _only_of_something(backward: Callable[..., Any]) -> Callable[..., Any]:
    def of_something(ctx: Any, *grads: Any) -> Any:
        if all(grad is None for grad in grads):
            return (None,) * len(ctx.needs_input_grad)
        return backward(ctx, *grads)

    return of_something


def _with_shapes(setup: Callable[..., Any]) -> Callable[..., Any]:
    def with_shapes(ctx: Any, inputs: Any, output: Any) -> None:
        setup(ctx, inputs, output)
        ctx.shapes = [y.shape for y in (output if isinstance(output, tuple) else (output,))]

    return with_shapes


def _in_every_level(jvp: Callable[..., Any]) -> Callable[..., Any]:
    """A jvp whose own operations have tangents in the outer levels of torch.func, where torch would leave them out.

    Its zeros are tensors: torch takes no None.
    """

    def of_every_level(ctx: Any, *tangents: Any) -> Any:
        with forward_ad._set_fwd_grad_enabled(torch._C._are_functorch_transforms_active()):
            tangents = _primals(tangents)
            changes = jvp(ctx, *tangents)
            like = next(tangent for tangent in tangents if tangent is not None)
            full = [
                like.new_zeros(shape) if change is None else change
                for change, shape in zip(changes if isinstance(changes, tuple) else (changes,), ctx.shapes, strict=True)
            ]
        return tuple(full) if isinstance(changes, tuple) else full[0]

    return of_every_level


class Op:
    """An operation registered as ``torch.ops.fastconv.<name>``, called with positional arguments, tensors first.

    The dispatcher with autograd takes 30 to 50 us a call in Python. Plain tensors that nobody traces go to `run` and
    to an `autograd.Function` of the same formulas instead.

    Parameters
    ----------
    name, schema : str
    tensors : int
        How many of the arguments are tensors or None.
    run : callable
        Computes the result, one tensor or a tuple, in fresh memory.
    fake : callable
        The same arguments; empty tensors of the result's sizes, strides and dtype.
    setup : callable
        ``setup(ctx, inputs, output)`` keeps what `backward` needs.
    backward : callable
        ``backward(ctx, *grads)``, made of operations that have gradients themselves; a gradient, but not all, may be
        None.
    jvp : callable
        ``jvp(ctx, *tangents)`` of the tensors, likewise; the changes of the results, of shapes ``ctx.shapes``, None
        for zeros.
    """

    def __init__(
        self,
        name: str,
        schema: str,
        tensors: int,
        *,
        run: Callable[..., Any],
        fake: Callable[..., Any],
        setup: Callable[..., Any],
        backward: Callable[..., Any],
        jvp: Callable[..., Any],
    ) -> None:
        self._run, self._tensors = run, tensors
        backward = _only_of_something(backward)
        self._op = _register(name, schema, run, fake, setup, backward)

        # One argument for all that are no tensors: autograd looks at each.
        def forward(ctx: Any, *given: Any) -> Any:
            args = *given[:-1], *given[-1]
            output = run(*args)
            setup(ctx, args, output)
            return output

        def function(**methods: Any) -> Any:
            methods = {key: staticmethod(method) for key, method in methods.items()}
            return type(name, (torch.autograd.Function,), methods)

        self._function = function(
            forward=forward, backward=lambda ctx, *grads: (*backward(ctx, *grads)[:tensors], None)
        )
        # torch.func and forward mode know no autograd of registered operations, only this form, slower to call.
        self._transformed = function(
            forward=self.__call__,
            setup_context=_with_shapes(setup),
            backward=lambda ctx, *grads: _uncompiled(backward, ctx, *grads),
            vmap=self._over_batch,
            jvp=_in_every_level(lambda ctx, *tangents: jvp(ctx, *tangents[:tensors])),
        )

    def __call__(self, *args: Any) -> Any:
        tensors = args[: self._tensors]
        if _may_have_tangents() or torch._C._are_functorch_transforms_active():
            return _uncompiled(self._transformed.apply, *args)
        if torch.compiler.is_compiling():
            return self._op(*args)
        if _is_seen(tensors):
            return self._op(*args)
        if _wants_gradient(tensors):
            return self._function.apply(*tensors, args[self._tensors :])
        return self._run(*args)

    def _over_batch(self, info: Any, in_dims: Any, *args: Any) -> Any:
        """torch.vmap: one call for each member of the batch."""
        results = []
        for member in range(info.batch_size):
            tensors = (
                arg if dim is None else arg.select(dim, member)
                for arg, dim, _ in zip(args, in_dims, range(self._tensors), strict=False)
            )
            results.append(self(*tensors, *args[self._tensors :]))
        if isinstance(results[0], tuple):
            return tuple(map(torch.stack, zip(*results, strict=True))), (0,) * len(results[0])
        return torch.stack(results), 0
