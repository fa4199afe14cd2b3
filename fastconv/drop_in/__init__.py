"""SciPy's and OpenCV's filters on fastconv's kernels, in programs that stay as they are.

What a function of fastconv does not serve, or would not answer alike, goes back to the library's own function; both
are counted.
"""

from __future__ import annotations

from .replacing import calls, patch_cv2, patch_scipy, replace, unpatch_cv2, unpatch_scipy

__all__ = ["calls", "patch_cv2", "patch_scipy", "replace", "unpatch_cv2", "unpatch_scipy"]
