"""Reading pickles of arrays without running what they say.

A pickle may name any function to be called. Only what NumPy's arrays need is let through; any other
name is an error. Both data sets are handed round as pickles (CIFAR-10 by its authors).
"""

import importlib
import io
import pickle
from typing import Any

from sw.datasets.catalogue import DataError

__all__ = ["load_pickle"]

_HARMLESS = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}
_MULTIARRAY = ("numpy._core.multiarray", "numpy.core.multiarray")  # since NumPy 2, and before
_DAMAGE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) in _HARMLESS:
            return super().find_class(module_name, global_name)
        if global_name == "_reconstruct" and module_name in _MULTIARRAY:
            return importlib.import_module(_MULTIARRAY[0])._reconstruct  # noqa: SLF001 - as pickles name it
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is not allowed")


def load_pickle(content: bytes, name: str) -> Any:
    """Return the object in a pickle of arrays, lists, dictionaries, strings and numbers.

    Parameters
    ----------
    content : bytes
        The pickle; strings of Python 2 are read as Latin-1.
    name : str
        What to call it in messages.

    Raises
    ------
    DataError
        It is damaged, or needs anything that is not an array or built in.
    """
    try:
        return _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    except _DAMAGE as error:
        raise DataError(f"{name}: expected a pickle of arrays and nothing else: {error}") from error
