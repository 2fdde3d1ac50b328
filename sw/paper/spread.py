"""How many different things a layer's kernels say: the effective rank of their outputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["effective_rank", "patch_covariance"]


def patch_covariance(
    images: npt.NDArray[np.generic], window: tuple[int, int] = (3, 3)
) -> npt.NDArray[np.float64]:
    """Covariance of the pixels under a kernel, (C * kh * kw, C * kh * kw), over all windows.

    Parameters
    ----------
    images : array, shape (N, C, H, W)
    window : (kh, kw)
    """
    windows = np.lib.stride_tricks.sliding_window_view(images, window, axis=(2, 3))
    cells = windows.transpose(1, 4, 5, 0, 2, 3).reshape(images.shape[1] * window[0] * window[1], -1)
    return np.cov(cells.astype(np.float64))


def effective_rank(kernels: npt.NDArray[np.generic], covariance: npt.NDArray[np.float64]) -> float:
    """The effective rank of the outputs' correlation matrix: from 1 (all alike) to their number.

    It is the exponential of the entropy of the eigenvalues, taken as shares (Roy and Vetterli,
    2007). Correlations, since a normalisation follows: an output's magnitude says nothing.

    Parameters
    ----------
    kernels : array, shape (K, C, kh, kw)
    covariance : array
        Of :func:`patch_covariance`.
    """
    flat = kernels.reshape(len(kernels), -1).astype(np.float64)
    outputs = flat @ covariance @ flat.T
    deviation = np.sqrt(np.diag(outputs))
    shares = np.linalg.eigvalsh(outputs / np.outer(deviation, deviation)) / len(kernels)
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))
