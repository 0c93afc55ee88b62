"""One photograph: light on the scene, then lens, sensor, processing and file format.

scene ── light ── lens ── sensor ── app ── JPEG
         light.py  lens.py  sensor.py
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_specimen.lens import blur_light
from ktp_specimen.light import light_scene
from ktp_specimen.sensor import expose, forward

Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Degradation:
    """The physical degradation of one photograph; written into the truth.

    Attributes:
        light_gradient: relative fall-off of light across the frame, 0 none.
        vignetting: loss of light in the corners, 0 none to 1 all.
        light_bands: relative depth of bands from a flickering lamp under a rolling shutter.
        shadow: darkness of a cast shadow, 0 none to 1 black.
        glare: peak of a lamp's reflection on the card, in units of white; 1 and more wipes print out.
        glare_radius: its radius, of the card's width.
        exposure_stops: 0 correct; each stop halves or doubles the light.
        gamma: tone curve's exponent on display values, 1 unchanged.
        contrast: strength of the tone curve's S, negative is flat.
        haze: black level, of white.
        warmth: white-balance error between red and blue, positive is yellow.
        tint: white-balance error of green.
        saturation: 1 unchanged, 0 grey.
        blur_sigma_px: defocus, standard deviation along one axis in image pixels; a disc's radius is twice that.
        aperture_blades: 5 to 8 make the disc a polygon, 0 round.
        motion_px: length of the motion blur's path.
        motion_degrees: its direction.
        motion_bend: height of its arc, of its length.
        noise_sigma: sensor noise, of 255, at every brightness (after the root of shot noise); in half of the
            pictures the camera's smoothing leaves about half of it, in blotches.
        chroma_noise: share of the noise that is coloured.
        mosaic: whether colours are interpolated from a colour filter's mosaic at the image's own resolution.
        denoised: whether the camera smeared the noise away.
        sharpening: amount of the camera's unsharp mask.
        sharpening_radius_px: its radius.
        first_jpeg_quality: of an earlier compression by an app, 0 none.
        resample: factor by which the image was shrunk and enlarged again, 1 none.
        photocopy: contrast of a black-and-white copy, 0 none.
        halftone: strength of a print's dots, 0 none.
        screen: strength of a photographed screen's pixel grid, 0 none.
        jpeg_quality: 1–100.
        chroma_subsampling: 4:2:0 instead of 4:4:4.
    """

    light_gradient: float = 0.0
    vignetting: float = 0.0
    light_bands: float = 0.0
    shadow: float = 0.0
    glare: float = 0.0
    glare_radius: float = 0.15
    exposure_stops: float = 0.0
    gamma: float = 1.0
    contrast: float = 0.0
    haze: float = 0.0
    warmth: float = 0.0
    tint: float = 0.0
    saturation: float = 1.0
    blur_sigma_px: float = 0.0
    aperture_blades: int = 0
    motion_px: float = 0.0
    motion_degrees: float = 0.0
    motion_bend: float = 0.0
    noise_sigma: float = 0.0
    chroma_noise: float = 0.3
    mosaic: bool = False
    denoised: bool = False
    sharpening: float = 0.0
    sharpening_radius_px: float = 1.2
    first_jpeg_quality: int = 0
    resample: float = 1.0
    photocopy: float = 0.0
    halftone: float = 0.0
    screen: float = 0.0
    jpeg_quality: int = 92
    chroma_subsampling: bool = True

    def to_truth(self) -> dict[str, float]:
        """The numbers by name, as the truth keeps them."""
        return {name: float(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph: (H, W, 3) uint8 RGB, and the share of the card under glare."""

    pixels: NDArray[np.uint8]
    glare_area: float


def photograph(
    rng: np.random.Generator, scene: Image, quad: NDArray[np.float64] | None, degradation: Degradation
) -> Photograph:
    """Light a scene, (H, W, 3) float32 RGB in [0, 255], and take its picture; glare falls on the card at `quad`."""
    light, glare_area = light_scene(rng, scene, quad, degradation)
    pixels = expose(rng, blur_light(light, degradation), degradation)
    return Photograph(forward(rng, pixels, degradation), glare_area)
