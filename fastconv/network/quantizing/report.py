"""What a network in 8 bits loses, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LayerReport", "QuantizationReport"]


@dataclass(frozen=True)
class LayerReport:
    """A layer: its name and class, the signal-to-noise ratio of what it gives in dB, and how it computes.

    `kept` says why it stays in float32, and is empty for a layer in 8 bits.
    """

    name: str
    kind: str
    decibels: float
    kept: str = ""


@dataclass(frozen=True)
class QuantizationReport:
    """The layers of a network in 8 bits, against the same network in float32 on the samples.

    Examples
    --------
    >>> QuantizationReport((LayerReport("conv", "Conv2D", 31.25), LayerReport("dense", "Dense", 28.0, "last")))
    layer  kind    dB    computes in
    conv   Conv2D  31.2  8 bits
    dense  Dense   28.0  float32 (last)
    """

    layers: tuple[LayerReport, ...]

    def __repr__(self) -> str:
        rows = [("layer", "kind", "dB", "computes in")]
        for layer in self.layers:
            how = f"float32 ({layer.kept})" if layer.kept else "8 bits"
            rows.append((layer.name, layer.kind, f"{layer.decibels:.1f}", how))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )
