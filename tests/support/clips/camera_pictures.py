"""Pictures as a camera gives them, and the JPEG files that a page makes of them."""

import math
from pathlib import Path

import cv2
import numpy as np

SIZE_HW = (48, 64)


def picture(seed: int, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Returns an RGB picture of coloured squares, the same for the same seed."""
    squares = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(squares, size_hw[::-1], interpolation=cv2.INTER_NEAREST)


def jpeg_of(image: np.ndarray, *settings: int) -> bytes:
    """Returns an RGB picture as a browser would send it."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92, *settings])[1].tobytes()


def jpeg(seed: int, size_hw: tuple[int, int] = SIZE_HW) -> bytes:
    """Returns a picture as a browser would send it, the same for the same seed."""
    return jpeg_of(picture(seed, size_hw))


def write_camera_film(path: Path, frames: int = 60, rate: int = 5) -> Path:
    """Writes what a browser shows as its camera, again and again: a ball that goes to and fro."""
    height, width = 180, 320
    ground = cv2.GaussianBlur(picture(7, (height, width)), (0, 0), 9) // 3 + 40
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420mpeg2\n".encode())
        for index in range(frames):
            x = width / 2 + 90 * math.cos(2 * math.pi * index / frames)
            shown = cv2.circle(ground.copy(), (round(x), 95), 34, (255, 120, 0), -1, cv2.LINE_AA)
            file.write(b"FRAME\n" + cv2.cvtColor(shown, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


def is_ball(image: np.ndarray) -> np.ndarray:
    """Returns where the ball of the film is in an RGB picture, as true or false."""
    red, green, blue = (image[..., channel].astype(int) for channel in range(3))
    return (red > 150) & (red - blue > 90) & (green < 180)
