// Makes a photo fit for sending. Only what the server would refuse is changed: too large, too many pixels, or another format.

const SENT_TYPES = new Set(["image/jpeg", "image/png", "image/bmp"]);
const QUALITIES = [0.92, 0.86]; // of JPEG; below, the server's check of compression would warn
const SHRINK = 0.8;
const SMALLEST_SIDE_PX = 320;

// Gives {blob, note}: what to send, and what was done to it in words; the note is empty where nothing was.
export async function preparePhoto(file, limits) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (bitmap === null) return { blob: file, note: "" }; // the server says what is wrong with it
  try {
    const [short, long] = [bitmap.width, bitmap.height].sort((a, b) => a - b);
    const scale = Math.min(1, (limits.belowShortPx - 1) / short, (limits.belowLongPx - 1) / long);
    if (scale === 1 && file.size <= limits.maxBytes && SENT_TYPES.has(file.type)) return { blob: file, note: "" };
    return await redraw(bitmap, scale, limits.maxBytes, SENT_TYPES.has(file.type));
  } finally {
    bitmap.close();
  }
}

async function redraw(bitmap, scale, maxBytes, wasSendable) {
  for (let factor = scale; ; factor *= SHRINK) {
    const [width, height] = [Math.floor(bitmap.width * factor), Math.floor(bitmap.height * factor)];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    for (const quality of QUALITIES) {
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
      if (blob.size > maxBytes && Math.min(width, height) > SMALLEST_SIDE_PX) continue;
      return { blob, note: describe(bitmap, width, height, wasSendable) };
    }
  }
}

function describe(bitmap, width, height, wasSendable) {
  const from = `${bitmap.width} × ${bitmap.height}`;
  if (width < bitmap.width) return `Scaled down in your browser from ${from} to ${width} × ${height} pixels, to the server's limits.`;
  return wasSendable
    ? "Compressed anew in your browser, to the server's limit on files."
    : "Turned into a JPEG in your browser: the server reads JPEG, PNG and BMP.";
}
