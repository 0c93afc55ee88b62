// A field and its box are lit together, whichever of the two is pointed at, focused or chosen.

export class Spotlight {
  #list;
  #overlay;
  #pinned = null;

  // `list` holds the fields' rows and `overlay` their boxes; both are marked with data-field.
  constructor(list, overlay) {
    this.#list = list;
    this.#overlay = overlay;
    for (const room of [list, overlay]) {
      room.addEventListener("pointerover", (event) => this.#light(fieldAt(event) ?? this.#pinned));
      room.addEventListener("pointerleave", () => this.#light(this.#pinned));
    }
    list.addEventListener("focusin", (event) => this.#light(fieldAt(event) ?? this.#pinned));
    list.addEventListener("focusout", () => this.#light(this.#pinned));
    list.addEventListener("click", (event) => {
      if (event.target.closest(".locate")) this.#pin(fieldAt(event));
    });
    overlay.addEventListener("click", (event) => {
      const field = fieldAt(event);
      if (field === null) return;
      this.#pin(field);
      this.#row(field).scrollIntoView({ block: "nearest" });
    });
  }

  reset() {
    this.#pinned = null;
  }

  #pin(field) {
    this.#pinned = this.#pinned === field ? null : field;
    for (const button of this.#list.querySelectorAll(".locate")) {
      button.setAttribute("aria-pressed", String(fieldAt({ target: button }) === this.#pinned));
    }
    this.#light(field);
  }

  #light(field) {
    for (const room of [this.#list, this.#overlay]) {
      for (const part of room.querySelectorAll("[data-field]")) part.classList.toggle("lit", part.dataset.field === field);
    }
  }

  #row(field) {
    return this.#list.querySelector(`[data-field="${field}"]`);
  }
}

function fieldAt(event) {
  return event.target.closest("[data-field]")?.dataset.field ?? null;
}
