"""What light, lens, sensor and file format do to a scene.

Every function takes and returns (H, W, 3) float32 RGB in [0, 255]; lengths are in source-image pixels.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
NOISE_TILE_PX = 1024


@dataclass(frozen=True, slots=True)
class Degradation:
    """The physical degradation of one photograph; written into the truth.

    Attributes:
        light_gradient: relative fall-off of light across the frame, 0 none.
        shadow: darkness of a cast shadow, 0 none to 1 black.
        glare: peak of a lamp's reflection on the card, 0 none to 1 saturated.
        glare_radius: its radius, of the card's width.
        exposure_stops: 0 correct.
        gamma: tone curve's exponent, 1 linear.
        warmth: white-balance error, positive is yellow.
        saturation: 1 unchanged, 0 grey.
        blur_sigma_px: defocus, standard deviation in image pixels.
        motion_px: length of the motion blur's path.
        motion_degrees: its direction.
        noise_sigma: sensor noise at mid grey, of 255.
        chroma_noise: share of the noise that is coloured.
        sharpening: amount of the camera's unsharp mask.
        resample: factor by which the image was shrunk and enlarged again, 1 none.
        photocopy: contrast of a black-and-white copy, 0 none.
        moire: strength of a screen's pixel pattern, 0 none.
        jpeg_quality: 1–100.
        chroma_subsampling: 4:2:0 instead of 4:4:4.
    """

    light_gradient: float = 0.0
    shadow: float = 0.0
    glare: float = 0.0
    glare_radius: float = 0.15
    exposure_stops: float = 0.0
    gamma: float = 1.0
    warmth: float = 0.0
    saturation: float = 1.0
    blur_sigma_px: float = 0.0
    motion_px: float = 0.0
    motion_degrees: float = 0.0
    noise_sigma: float = 0.0
    chroma_noise: float = 0.3
    sharpening: float = 0.0
    resample: float = 1.0
    photocopy: float = 0.0
    moire: float = 0.0
    jpeg_quality: int = 92
    chroma_subsampling: bool = True

    def to_truth(self) -> dict[str, float]:
        """The numbers by name, as the truth keeps them."""
        return asdict(self)


def photograph(
    rng: np.random.Generator, scene: Image, quad: NDArray[np.float64] | None, degradation: Degradation
) -> NDArray[np.uint8]:
    """Light a scene and take its picture; `quad` is the card that glare falls on. Returns (H, W, 3) uint8 RGB."""
    image = _reproduce(rng, scene, degradation)
    image = _light(rng, image, quad, degradation)
    image = _blur(image, degradation)
    image = _develop(image, degradation)
    image = _add_noise(rng, image, degradation)
    if degradation.sharpening:
        soft = cv2.GaussianBlur(image, (0, 0), 1.2)
        image = image + np.float32(degradation.sharpening) * (image - soft)
    pixels: NDArray[np.uint8] = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    if degradation.resample > 1.01:
        height, width = pixels.shape[:2]
        small = (max(8, round(width / degradation.resample)), max(8, round(height / degradation.resample)))
        method = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)[int(rng.integers(3))]
        shrunk = cv2.resize(pixels, small, interpolation=method)
        pixels = np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    return pixels


def encode_jpeg(pixels: NDArray[np.uint8], degradation: Degradation) -> bytes:
    """Compress (H, W, 3) uint8 RGB as JPEG."""
    sampling = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if degradation.chroma_subsampling else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    )
    settings = [cv2.IMWRITE_JPEG_QUALITY, int(degradation.jpeg_quality), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)[1].tobytes()


def _reproduce(rng: np.random.Generator, scene: Image, degradation: Degradation) -> Image:
    """Put a photocopy or a screen between the scene and the camera."""
    if degradation.photocopy:
        grey = scene @ np.array([0.299, 0.587, 0.114], np.float32)
        middle = float(np.median(grey)) * rng.uniform(0.75, 0.95)
        toned = 127 + (grey - np.float32(middle)) * np.float32(1 + 2.5 * degradation.photocopy)
        scene = np.repeat(np.clip(toned, 15, 245)[..., None], 3, axis=2)
    if degradation.moire:
        y, x = np.mgrid[0 : scene.shape[0], 0 : scene.shape[1]].astype(np.float32)
        angle, period = rng.uniform(0, np.pi), rng.uniform(2.2, 9.0)
        along = (np.cos(angle) * x + np.sin(angle) * y) * np.float32(2 * np.pi / period)
        across = (-np.sin(angle) * x + np.cos(angle) * y) * np.float32(2 * np.pi / period)
        waves = np.stack([np.sin(along), np.sin(along + 1.5) * np.sin(across), np.sin(across)], -1)
        scene = scene * (1 + np.float32(0.12 * degradation.moire) * waves)
    return scene


def _light(rng: np.random.Generator, scene: Image, quad: NDArray[np.float64] | None, degradation: Degradation) -> Image:
    height, width = scene.shape[:2]
    small = (max(2, height // 16), max(2, width // 16))
    y, x = np.mgrid[0 : small[0], 0 : small[1]].astype(np.float32)
    x, y = x / small[1] - 0.5, y / small[0] - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = (
        1
        + degradation.light_gradient * (np.cos(angle) * x + np.sin(angle) * y)
        - 0.3 * degradation.light_gradient * (x * x + y * y)
    )
    if degradation.shadow:
        light *= 1 - degradation.shadow * _cast_shadow(rng, small)
    image: Image = scene * cv2.resize(light.astype(np.float32), (width, height))[..., None]
    if degradation.glare and quad is not None:
        centre = quad[0] + (quad[1] - quad[0]) * rng.uniform(0.05, 0.95) + (quad[3] - quad[0]) * rng.uniform(0.05, 0.95)
        radius = degradation.glare_radius * float(np.linalg.norm(quad[1] - quad[0]))
        image += _glare(rng, (height, width), centre, radius)[..., None] * np.float32(255 * degradation.glare)
    return image


def _cast_shadow(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """A half plane, band or blob with a soft edge; (H, W) float32 in [0, 1]."""
    height, width = shape
    mask = np.zeros(shape, np.float32)
    centre = rng.uniform(0.1, 0.9, 2) * (width, height)
    direction = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(direction), np.sin(direction)]), np.array([-np.sin(direction), np.cos(direction)])
    reach = float(max(shape)) * 2
    depth = reach if rng.random() < 0.6 else rng.uniform(0.1, 0.4) * max(shape)
    bend = rng.normal(0, 0.06, 6) * max(shape)
    steps = np.linspace(-reach, reach, 6)
    edge = [centre + along * s + across * b for s, b in zip(steps, bend, strict=True)]
    far = [point + across * depth for point in reversed(edge)]
    cv2.fillPoly(mask, [np.round(np.array(edge + far)).astype(np.int32)], 1.0, cv2.LINE_AA)
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.008, 0.06) * max(shape)).astype(np.float32)


def _glare(rng: np.random.Generator, shape: tuple[int, int], centre: NDArray[np.float64], radius: float) -> Image:
    """A lamp's mirror image: a bright core (round, oval or a tube's stripe) with a halo."""
    height, width = shape
    step = 4
    y, x = np.mgrid[0 : height // step + 1, 0 : width // step + 1].astype(np.float32) * step
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    angle = rng.uniform(0, np.pi)
    stretch = rng.uniform(1, 1.8) if rng.random() < 0.7 else rng.uniform(2.5, 5)
    u = (np.cos(angle) * dx + np.sin(angle) * dy) / (radius * stretch)
    v = (-np.sin(angle) * dx + np.cos(angle) * dy) / (radius / stretch**0.5)
    distance = u * u + v * v
    shape_power = rng.uniform(1.0, 3.0)
    blob = np.exp(-(distance**shape_power)) * 0.8 + 0.2 * np.exp(-distance / 4)
    glare: Image = cv2.resize(blob.astype(np.float32), (width, height)).astype(np.float32)
    return glare


def _blur(image: Image, degradation: Degradation) -> Image:
    if degradation.blur_sigma_px > 0.2:
        sigma = degradation.blur_sigma_px
        if sigma > 1.5:  # a defocused lens spreads points to discs; below that the two kernels are alike
            size = int(np.ceil(sigma * 4)) | 1
            offset = np.arange(size) - size // 2
            disc = np.clip(2 * sigma + 0.5 - np.hypot(offset[:, None], offset[None]), 0, 1).astype(np.float32)
            image = cv2.filter2D(image, -1, disc / disc.sum()).astype(np.float32)
        else:
            image = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32)
    if degradation.motion_px > 1:
        size = int(np.ceil(degradation.motion_px)) | 1
        kernel = np.zeros((size, size), np.float32)
        reach = np.array(
            [np.cos(np.radians(degradation.motion_degrees)), np.sin(np.radians(degradation.motion_degrees))]
        )
        ends = [
            np.round((size // 2 + sign * reach * degradation.motion_px / 2) * 8).astype(int).tolist()
            for sign in (-1, 1)
        ]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 3)
        image = cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-6)).astype(np.float32)
    return image


def _develop(image: Image, degradation: Degradation) -> Image:
    """Exposure, white balance, saturation and tone curve, as one per-channel table and one mix."""
    gain = 2.0**degradation.exposure_stops * np.array([1 + degradation.warmth, 1.0, 1 - degradation.warmth], np.float32)
    image = np.clip(image * gain, 0, 255)
    if abs(degradation.saturation - 1) > 0.02:
        grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
        image = grey[..., None] * (1 - degradation.saturation) + image * degradation.saturation
    if abs(degradation.gamma - 1) > 0.02:
        image = 255 * np.power(np.clip(image, 0, 255) / 255, degradation.gamma)
    return image.astype(np.float32)


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


def _add_noise(rng: np.random.Generator, image: Image, degradation: Degradation) -> Image:
    """Shot and read noise, partly coloured; blotchy as demosaicking and denoising leave it."""
    if degradation.noise_sigma < 0.3:
        return image
    shape = (image.shape[0], image.shape[1])
    sigma = degradation.noise_sigma
    grain = _noise_window(rng, shape)
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.4, 0.9)) * 1.6
    image = image + (grain * np.float32(sigma))[..., None]
    if degradation.chroma_noise:
        for channel, weight in ((0, 1.0), (2, -0.8)):
            fine = _noise_window(rng, (shape[0] // 2 + 1, shape[1] // 2 + 1))
            blotch = cv2.resize(fine, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
            image[..., channel] += blotch * np.float32(sigma * degradation.chroma_noise * weight)
    return image
