// The photo with everything that was found drawn over it, in pixels of the photo.

import { element, shape } from "./elements.js";

const CORNERS = ["top_left", "top_right", "bottom_right", "bottom_left"];
const STRIP_MAX_ASPECT = 30;
const STRIP_MARGIN = 0.15; // of the text's height, on each side

export class Picture {
  #photo = document.getElementById("photo");
  #overlay = document.getElementById("overlay");
  #layers = document.getElementById("layers");

  constructor() {
    this.#layers.addEventListener("change", () => this.#showLayers());
  }

  // Shows a photo (a Blob) without anything over it; resolves to whether the browser can show it.
  async show(blob) {
    URL.revokeObjectURL(this.#photo.src);
    this.#overlay.replaceChildren();
    this.#layers.hidden = true;
    this.#photo.src = URL.createObjectURL(blob);
    return this.#photo.decode().then(() => true, () => false);
  }

  // Draws what was found. `levels` tells how sure each field is: good, fair or poor.
  draw(recognition, levels) {
    const { naturalWidth: width, naturalHeight: height } = this.#photo;
    this.#overlay.setAttribute("viewBox", `-0.5 -0.5 ${width} ${height}`); // (0, 0) is the centre of the first pixel
    const { card, quality } = recognition;
    const fields = Object.keys(levels).filter((name) => card[name].quad);
    this.#overlay.replaceChildren(
      layer("outline", [box(card.quad)]),
      layer("glare", quality.glare_quads.map((quad) => box(quad))),
      layer("lines", card.lines.map((line) => box(line.quad))),
      layer("fields", fields.map((name) => box(card[name].quad, { class: levels[name], "data-field": name }))),
    );
    this.#layers.querySelector(".glare").hidden = quality.glare_quads.length === 0;
    this.#layers.hidden = false;
    this.#showLayers();
  }

  // Cuts a field's text out of the photo, turned upright: a canvas of this height.
  cut(quad, heightPx) {
    const [origin, right, , below] = CORNERS.map((name) => quad[name]);
    const along = { x: right.x - origin.x, y: right.y - origin.y };
    const down = { x: below.x - origin.x, y: below.y - origin.y };
    const [width, height] = [Math.hypot(along.x, along.y), Math.hypot(down.x, down.y)];
    const margin = STRIP_MARGIN * height;
    const scale = heightPx / (height + 2 * margin);
    const canvas = element("canvas", { class: "strip", "aria-hidden": "true" });
    canvas.height = heightPx;
    canvas.width = Math.min((width + 2 * margin) * scale, heightPx * STRIP_MAX_ASPECT);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.translate(margin, margin);
    // From the text's own axes back to the photo's: the inverse of [along / width, down / height | origin].
    const toPhoto = new DOMMatrix([along.x / width, along.y / width, down.x / height, down.y / height, origin.x, origin.y]);
    const { a, b, c, d, e, f } = toPhoto.inverse();
    context.transform(a, b, c, d, e, f);
    context.drawImage(this.#photo, -0.5, -0.5);
    return canvas;
  }

  #showLayers() {
    for (const { value, checked } of this.#layers.querySelectorAll("input")) {
      this.#overlay.querySelector(`.${value}`)?.classList.toggle("off", !checked);
    }
  }
}

function layer(name, boxes) {
  return shape("g", { class: name }, boxes);
}

function box(quad, attributes = {}) {
  const points = CORNERS.map((name) => `${quad[name].x},${quad[name].y}`).join(" ");
  return shape("g", attributes, shape("polygon", { class: "halo", points }), shape("polygon", { class: "edge", points }));
}
