"""From linear light to a file: exposure, noise, colour mosaic, tone, sharpening, compression, messenger apps."""

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ktp_specimen.camera import Degradation

Image = NDArray[np.float32]
Pixels = NDArray[np.uint8]
NOISE_TILE_PX = 1024
BAYER_OFFSETS = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))
"""Row, column and colour channel of a colour filter's four pixels (RGGB)."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def expose(rng: np.random.Generator, light: Image, degradation: "Degradation") -> Pixels:
    """Turn linear light (H, W, 3), 255 white, into (H, W, 3) uint8 RGB as a camera's processor hands it on."""
    balance = np.array([1 + degradation.warmth, 1 + degradation.tint, 1 - degradation.warmth], np.float32)
    # Full scale is 255 in light and in the result, so the root of light times 255 is the display value.
    light *= np.float32(255 * 2.0**degradation.exposure_stops) * np.maximum(balance, 0.1) ** 2
    # A wide kernel is applied by Fourier transform, which leaves black a hair below zero.
    image: Image = np.sqrt(np.maximum(light, 0, out=light))
    # Shot noise grows with the root of the light: after the root it is the same everywhere (Anscombe 1948).
    image = _add_noise(rng, image, degradation)
    pixels = np.asarray(cv2.convertScaleAbs(np.maximum(image, 0, out=image)), np.uint8)
    if degradation.mosaic:
        pixels = _demosaic(pixels, smooth=rng.random() < 0.5)
    if degradation.denoised:
        pixels = np.asarray(cv2.medianBlur(pixels, 3), np.uint8)
    pixels = _tone(pixels, degradation)
    if degradation.sharpening:
        soft = cv2.GaussianBlur(pixels, (0, 0), degradation.sharpening_radius_px)
        pixels = np.asarray(
            cv2.addWeighted(pixels, 1 + degradation.sharpening, soft, -degradation.sharpening, 0), np.uint8
        )
    return pixels


def _demosaic(pixels: Pixels, smooth: bool) -> Pixels:
    """Keep one colour a pixel, as a colour filter does, and interpolate the others (bilinear, or edge-aware)."""
    mosaic = np.empty(pixels.shape[:2], np.uint8)
    for row, column, channel in BAYER_OFFSETS:
        mosaic[row::2, column::2] = pixels[row::2, column::2, channel]
    # OpenCV names a mosaic by its second row and column: its BG is what everybody else calls RGGB.
    method = cv2.COLOR_BayerBG2RGB if smooth else cv2.COLOR_BayerBG2RGB_EA
    return np.asarray(cv2.cvtColor(mosaic, method), np.uint8)


def _tone(pixels: Pixels, degradation: "Degradation") -> Pixels:
    """Saturation, tone curve and black level."""
    if abs(degradation.saturation - 1) > 0.02:
        mix = np.eye(3, dtype=np.float32) * degradation.saturation + (1 - degradation.saturation) * LUMINANCE
        pixels = np.asarray(cv2.transform(pixels, mix), np.uint8)
    curve = tone_curve(degradation.gamma, degradation.contrast, degradation.haze)
    return np.asarray(cv2.LUT(pixels, np.clip(curve + 0.5, 0, 255).astype(np.uint8)), np.uint8)


def tone_curve(gamma: float, contrast: float, haze: float) -> NDArray[np.float64]:
    """What a camera's processor makes of each display value: (256,) float64, 0 to 255, rising.

    Args:
        gamma: exponent.
        contrast: strength of the S; negative is flat.
        haze: black level, of white.
    """
    curve = (np.arange(256) / 255.0) ** gamma
    curve += contrast * (curve - 0.5) * (1 - np.abs(2 * curve - 1))
    return np.asarray(255 * (haze + (1 - haze) * curve), np.float64)


@lru_cache(maxsize=1)
def _noise_tile() -> Image:
    """Unit noise shared by all pictures: a random window of it is as good as fresh noise, and twenty times cheaper."""
    return np.random.default_rng(20).standard_normal((2 * NOISE_TILE_PX, 2 * NOISE_TILE_PX), dtype=np.float32)


def _noise_window(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    tile = _noise_tile()
    x, y = rng.integers(0, NOISE_TILE_PX, 2)
    window = tile[y : y + shape[0], x : x + shape[1]]
    if window.shape != shape:
        repeats = (-(-shape[0] // window.shape[0]), -(-shape[1] // window.shape[1]))
        window = np.tile(window, repeats)[: shape[0], : shape[1]]
    return window


def _add_noise(rng: np.random.Generator, image: Image, degradation: "Degradation") -> Image:
    """Shot and read noise, in part coloured; blotchy where the camera has smoothed it."""
    sigma = degradation.noise_sigma
    if sigma < 0.3:
        return image
    shape = (image.shape[0], image.shape[1])
    grain = _noise_window(rng, shape)
    if not degradation.mosaic and rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.4, 0.9)) * 1.6
    image += (grain * np.float32(sigma))[..., None]
    if degradation.chroma_noise:
        for channel, weight in ((0, 1.0), (2, -0.8)):
            fine = _noise_window(rng, (shape[0] // 2 + 1, shape[1] // 2 + 1))
            blotch = cv2.resize(fine, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
            image[..., channel] += blotch * np.float32(sigma * degradation.chroma_noise * weight)
    return image


def forward(rng: np.random.Generator, pixels: Pixels, degradation: "Degradation") -> Pixels:
    """Send a picture through an app: compressed a first time, shrunk and enlarged again; (H, W, 3) uint8."""
    if degradation.first_jpeg_quality:
        settings = [cv2.IMWRITE_JPEG_QUALITY, int(degradation.first_jpeg_quality)]
        pixels = np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, settings)[1], cv2.IMREAD_COLOR), np.uint8)
    if degradation.resample > 1.01:
        height, width = pixels.shape[:2]
        small = (max(8, round(width / degradation.resample)), max(8, round(height / degradation.resample)))
        method = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)[int(rng.integers(3))]
        shrunk = cv2.resize(pixels, small, interpolation=method)
        pixels = np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    return pixels


def encode_jpeg(pixels: Pixels, degradation: "Degradation") -> bytes:
    """Compress (H, W, 3) uint8 RGB as JPEG."""
    sampling = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if degradation.chroma_subsampling else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    )
    settings = [cv2.IMWRITE_JPEG_QUALITY, int(degradation.jpeg_quality), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)[1].tobytes()
