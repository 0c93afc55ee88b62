"""Plane geometry shared by the geometric steps: homographies from quadrilaterals, and points through them."""

import cv2
import numpy as np
from numpy.typing import NDArray


def quad_homography(source_quad: NDArray[np.float64], result_quad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the homography that maps one quadrilateral onto another.

    Args:
        source_quad: (4, 2) points in source pixels.
        result_quad: (4, 2) points in result pixels, in the same order.

    Returns:
        (3, 3) float64, source -> result pixels.

    Raises:
        ValueError: three of the corners lie on one line, so that no homography exists.
    """
    rows = np.zeros((8, 8), dtype=np.float64)
    x, y = source_quad[:, 0], source_quad[:, 1]
    u, v = result_quad[:, 0], result_quad[:, 1]
    rows[0::2, 0], rows[0::2, 1], rows[0::2, 2] = x, y, 1.0
    rows[0::2, 6], rows[0::2, 7] = -u * x, -u * y
    rows[1::2, 3], rows[1::2, 4], rows[1::2, 5] = x, y, 1.0
    rows[1::2, 6], rows[1::2, 7] = -v * x, -v * y
    right = np.column_stack([u, v]).astype(np.float64).ravel()
    try:
        solution = np.linalg.solve(rows, right)
    except np.linalg.LinAlgError as error:
        raise ValueError("the quadrilateral is degenerate") from error
    if not np.isfinite(solution).all():
        raise ValueError("the quadrilateral is degenerate")
    return np.append(solution, 1.0).reshape(3, 3)


def unit_square_homographies(quads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the homographies from the unit square onto quadrilaterals.

    Args:
        quads: (N, 4, 2) float64, the images of (0, 0), (1, 0), (1, 1) and (0, 1).

    Returns:
        (N, 3, 3) float64; finite, but singular for a degenerate quadrilateral.

    Source: Heckbert, "Fundamentals of texture mapping and image warping", 1989, section 2.2.3.
    """
    first, second, third, fourth = (quads[:, corner] for corner in range(4))
    sums = first - second + third - fourth
    right, down = second - third, fourth - third
    determinant = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]
    determinant = np.where(np.abs(determinant) < 1e-9, 1e-9, determinant)
    g = (sums[:, 0] * down[:, 1] - sums[:, 1] * down[:, 0]) / determinant
    h = (right[:, 0] * sums[:, 1] - right[:, 1] * sums[:, 0]) / determinant
    columns = np.empty((len(quads), 3, 3))
    columns[:, :2, 0] = second - first + g[:, None] * second
    columns[:, :2, 1] = fourth - first + h[:, None] * fourth
    columns[:, :2, 2] = first
    columns[:, 2] = np.column_stack([g, h, np.ones(len(quads))])
    return columns


def map_points(homography: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points through a homography.

    Args:
        homography: (3, 3) float64.
        points: (..., 2) float64.

    Returns:
        (..., 2) float64.
    """
    mapped = cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), homography)
    return np.asarray(mapped, dtype=np.float64).reshape(points.shape)


def cross_lines(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersect lines.

    Args:
        first: (..., 3) a, b, c with a x + b y + c = 0 and (a, b) of length one.
        second: (..., 3) the same.

    Returns:
        (..., 3) float64: x and y of the crossings, and the sine of the angle between the lines; far away, but finite,
        where they are parallel.
    """
    crossings = np.empty(np.broadcast_shapes(first.shape, second.shape))
    sine = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    divisor = np.where(np.abs(sine) < 1e-9, 1e-9, sine)
    crossings[..., 0] = (first[..., 1] * second[..., 2] - first[..., 2] * second[..., 1]) / divisor
    crossings[..., 1] = (first[..., 2] * second[..., 0] - first[..., 0] * second[..., 2]) / divisor
    crossings[..., 2] = sine
    return crossings


def side_lengths(quad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the sides of quadrilaterals.

    Args:
        quad: (..., 4, 2) points; side i runs from corner i to corner i + 1.

    Returns:
        (..., 4) float64, in the quad's pixels.
    """
    lengths: NDArray[np.float64] = np.linalg.norm(np.roll(quad, -1, axis=-2) - quad, axis=-1)
    return lengths


def scaling_homography(scale_x: float, scale_y: float) -> NDArray[np.float64]:
    """Build the homography of a resize, with pixel centres at integers.

    A resize maps pixel edges to pixel edges, so a centre moves by half a pixel: x' = (x + 0.5) * s - 0.5.

    Args:
        scale_x: result width / source width.
        scale_y: result height / source height.

    Returns:
        (3, 3) float64, source -> result pixels.
    """
    return np.array(
        [[scale_x, 0.0, (scale_x - 1.0) / 2.0], [0.0, scale_y, (scale_y - 1.0) / 2.0], [0.0, 0.0, 1.0]],
        dtype=np.float64,
    )
