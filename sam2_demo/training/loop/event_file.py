"""Writes TensorBoard's event files, whose format is small, so that nothing else need be installed.

A file is a row of records: a length, its checksum, a message, its checksum. A message is a
protocol buffer with the time, the step and named numbers. To look at them:
``pip install tensorboard && tensorboard --logdir DIR``.
"""

import struct
import time
from collections.abc import Mapping
from pathlib import Path

FORMAT = "brain.Event:2"
_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8


def _table() -> list[int]:
    """Returns the checksum's change for each byte."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Returns the CRC-32C of some bytes."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder = _TABLE[(remainder ^ byte) & 0xFF] ^ (remainder >> 8)
    return remainder ^ 0xFFFFFFFF


def record(message: bytes) -> bytes:
    """Returns a message framed by its length and the masked checksums of both."""
    length = struct.pack("<Q", len(message))
    return length + _masked(length) + message + _masked(message)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    """Returns an integer in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _block(field: int, data: bytes) -> bytes:
    """Returns a protocol buffer's field of bytes."""
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def event(wall_time_s: float, step: int, values: Mapping[str, float]) -> bytes:
    """Returns the message that says: at this time and step, these numbers by name."""
    summary = b"".join(
        _block(1, _block(1, name.encode()) + _varint(2 << 3 | 5) + struct.pack("<f", value))
        for name, value in values.items()
    )
    when = _varint(1 << 3 | 1) + struct.pack("<d", wall_time_s)
    return when + _varint(2 << 3) + _varint(step) + _block(5, summary)


class EventFile:
    """A new event file in a folder; TensorBoard joins the files of one folder into one run."""

    def __init__(self, folder: Path) -> None:
        now_s = time.time()
        self._file = (folder / f"events.out.tfevents.{now_s:.0f}.{time.monotonic_ns()}").open("wb")
        first = _varint(1 << 3 | 1) + struct.pack("<d", now_s) + _block(3, FORMAT.encode())
        self._file.write(record(first))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Appends numbers by name, such as ``"loss/dice"``."""
        self._file.write(record(event(time.time(), step, values)))
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
