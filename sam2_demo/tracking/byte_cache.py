"""An LRU cache of tensors, limited in bytes and in entries."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from torch import Tensor

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound="tuple[Tensor, ...] | Tensor")


class Budget(NamedTuple):
    """The limits of a cache.

    Attributes:
        max_bytes: Total size of its tensors.
        max_entries: Number of its entries.
    """

    max_bytes: int
    max_entries: int


class ByteCache(Generic[Key, Value]):
    """Tensors, or tuples of tensors, within a budget; the least recently used are evicted first.

    Any entry may be gone, so the caller must be able to recompute it. The newest one is always
    kept, even if it is larger than the budget.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
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

    def discard(self, key: Key) -> None:
        """Removes one value, if it is there."""
        if key in self._entries:
            self.bytes_held -= _bytes_of(self._entries.pop(key))

    def clear(self) -> None:
        """Removes all values."""
        self._entries.clear()
        self.bytes_held = 0


def _bytes_of(value: tuple[Tensor, ...] | Tensor) -> int:
    tensors = (value,) if isinstance(value, Tensor) else value
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
