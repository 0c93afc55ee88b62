// The card's fields and findings.

import { compareTexts } from "./difference.js";
import { element, panel } from "./elements.js";
import { CORRECTIONS, FIELDS, SEVERITIES, printedName } from "./words.js";

const LEVEL_WORDS = { good: "", fair: "look again", poor: "doubtful" };

// How sure each field that was found is: name -> good, fair or poor.
export function rateFields(card, bounds) {
  const rate = ({ value, confidence }) => {
    if (value === undefined || confidence < bounds.doubtful) return "poor";
    return confidence < bounds.sure ? "fair" : "good";
  };
  return Object.fromEntries(FIELDS.filter(([name]) => card[name]).map(([name]) => [name, rate(card[name])]));
}

// `cut` makes a canvas with the text that a quad encloses.
export function renderFields(card, levels, cut) {
  const found = FIELDS.filter(([name]) => levels[name]);
  const missing = FIELDS.filter(([name]) => !levels[name]).map(([, printed]) => printed);
  return panel(
    "fields",
    "Fields",
    element("ul", { class: "fields" }, found.map((names) => renderField(names, card[names[0]], levels[names[0]], cut))),
    missing.length ? element("p", { class: "hint" }, `Blank or not found: ${missing.join(", ")}.`) : undefined,
  );
}

function renderField([name, printed, english], field, level, cut) {
  const isChanged = field.value !== undefined && field.value !== field.raw_value;
  const needsLook = field.quad && (isChanged || level !== "good");
  return element(
    "li",
    { class: ["field", level], "data-field": name },
    element(
      "div",
      { class: "name" },
      element("button", { type: "button", class: "locate", "aria-pressed": "false", disabled: !field.quad }, printed),
      element("span", { class: "english", lang: "en" }, english),
    ),
    element("div", { class: "reading" }, renderValue(name, field), isChanged ? renderCorrection(field) : undefined,
      needsLook ? cut(field.quad) : undefined),
    renderConfidence(printed, field.confidence, level),
  );
}

function renderValue(name, field) {
  if (field.value !== undefined) return element("p", { class: ["value", name === "nik" && "digits"], lang: "id" }, field.value);
  return element("p", { class: "value unreadable" }, "unreadable", element("span", { class: "english" }, `read as “${field.raw_value}”`));
}

function renderCorrection({ raw_value: raw, value, correction }) {
  const { before, after } = compareTexts(raw, value);
  const mark = (pieces, tag) => pieces.map(({ text, kept }) => (kept ? text : element(tag, {}, text)));
  return element(
    "p",
    { class: "correction" },
    element("span", { class: "unseen" }, "was read as "),
    element("span", { class: "raw" }, mark(before, "del")),
    element("span", { "aria-hidden": "true" }, " → "),
    element("span", { class: "corrected", "aria-hidden": "true" }, mark(after, "ins")),
    element("span", { class: "why" }, CORRECTIONS[correction] ?? ""),
  );
}

function renderConfidence(printed, confidence, level) {
  const percent = Math.floor(confidence * 100); // only certainty is 100 %
  return element(
    "div",
    { class: "confidence" },
    element("meter", { min: 0, max: 100, value: percent, "aria-label": `Confidence of ${printed}` }, `${percent} %`),
    element("span", { class: "percent" }, `${percent} %`),
    LEVEL_WORDS[level] ? element("span", { class: "level" }, LEVEL_WORDS[level]) : undefined,
  );
}

export function renderFindings(findings) {
  const items = findings.map(({ code, severity, message, fields }) =>
    element(
      "li",
      { class: ["finding", severity.replace("FINDING_SEVERITY_", "").toLowerCase()] },
      element("strong", { class: "badge" }, SEVERITIES[severity] ?? severity),
      element("p", {}, `${message[0].toUpperCase()}${message.slice(1)}.`.replace("..", ".")),
      element("p", { class: "hint" }, element("code", {}, code), fields.length ? `: ${fields.map(printedName).join(", ")}` : ""),
    ),
  );
  const content = items.length ? element("ul", { class: "findings" }, items)
    : element("p", { class: "hint" }, "Everything on the card fits together.");
  return panel("findings", "Findings", content);
}
