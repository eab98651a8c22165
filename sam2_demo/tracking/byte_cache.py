"""An LRU cache of tensors, limited in bytes and in entries."""

import weakref
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from torch import Tensor

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=tuple[Tensor | np.ndarray | None, ...] | Tensor)


class Budget(NamedTuple):
    """The limits of a cache.

    Attributes:
        max_bytes: Total size of its tensors.
        max_entries: Number of its entries.
    """

    max_bytes: int
    max_entries: int


class SharedBytes:
    """A limit that several caches share: those that were filled longest ago are emptied first.

    Whoever uses one of the caches holds the same lock.

    Args:
        max_bytes: Total size of the tensors of all caches; the newest cache is not emptied.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._caches: list[weakref.ref[ByteCache[Any, Any]]] = []

    def filled(self, cache: "ByteCache[Any, Any]") -> None:
        """Notes that a cache was filled, and empties others as the limit requires."""
        known = [other for ref in self._caches if (other := ref()) is not None]
        others = [other for other in known if other is not cache]
        total = cache.bytes_held + sum(other.bytes_held for other in others)
        for other in others:
            if total > self._max_bytes:
                total -= other.bytes_held
                other.clear()
        self._caches = [weakref.ref(each) for each in (*others, cache)]


class ByteCache(Generic[Key, Value]):
    """Tensors, or tuples of tensors, within a budget; the least recently used are evicted first.

    Any entry may be gone, so the caller must be able to recompute it. The newest one is always
    kept, even if it is larger than the budget.

    Args:
        budget: Its own limits.
        shared: A limit that it shares with other caches, if any.
    """

    def __init__(self, budget: Budget, shared: SharedBytes | None = None) -> None:
        self.budget = budget
        self._shared = shared
        self.bytes_held = 0
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """Returns the value and marks it as used; None if it is no longer there."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Key, value: Value) -> None:
        """Stores a value, and evicts others as the budget requires."""
        self.discard(key)
        self._entries[key] = value
        self.bytes_held += _bytes_of(value)
        while len(self._entries) > 1 and (
            self.bytes_held > self.budget.max_bytes or len(self._entries) > self.budget.max_entries
        ):
            _, oldest = self._entries.popitem(last=False)
            self.bytes_held -= _bytes_of(oldest)
        if self._shared is not None:
            self._shared.filled(self)

    def discard(self, key: Key) -> None:
        """Removes one value, if it is there."""
        if key in self._entries:
            self.bytes_held -= _bytes_of(self._entries.pop(key))

    def clear(self) -> None:
        """Removes all values."""
        self._entries.clear()
        self.bytes_held = 0


def _bytes_of(value: tuple[Tensor | np.ndarray | None, ...] | Tensor) -> int:
    tensors = (value,) if isinstance(value, Tensor) else value
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)
