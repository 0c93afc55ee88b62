// A field and its box are lit together, whichever of the two is pointed at, focused or chosen.

const IS_WIDE = matchMedia("(min-width: 62rem)"); // fields stand beside the picture, as style.css has it

export class Spotlight {
  #list;
  #overlay;
  #follow;
  #pinned = null;

  // `list` holds the fields' rows and `overlay` their boxes; both are marked with data-field. `follow` is told which field is lit, or null.
  constructor(list, overlay, follow) {
    this.#follow = follow;
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
      if (IS_WIDE.matches) this.#row(field).scrollIntoView({ block: "nearest" }); // else the picture would go out of view
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
    this.#follow(field);
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
