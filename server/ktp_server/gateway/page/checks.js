// What the server says about the photo itself, and how long it took.

import { element, panel } from "./elements.js";
import { FIELDS, QUALITY, REQUIREMENTS } from "./words.js";

export function renderQuality(quality) {
  const scores = Object.entries(QUALITY).filter(([name]) => quality[name]);
  const failed = scores.filter(([name]) => !quality[name].passed);
  const passed = scores.filter(([name]) => quality[name].passed);
  const covered = FIELDS.filter(([name]) => quality.covered_fields.includes(name)).map(([, printed]) => printed);
  return panel(
    "quality",
    "Picture quality",
    element("ul", { class: "checks" }, [...failed, ...passed].map(([name, label]) => renderScore(label, quality[name]))),
    covered.length ? element("p", { class: "advice" }, `Glare covers: ${covered.join(", ")}.`) : undefined,
  );
}

function renderScore(label, { score, threshold, passed, reason }) {
  const gauge = element("span", { class: "gauge", "aria-hidden": "true" }, element("span", { class: "level" }), element("span", { class: "bound" }));
  gauge.querySelector(".level").style.width = `${score * 100}%`;
  gauge.querySelector(".bound").style.left = `${threshold * 100}%`;
  return element(
    "li",
    { class: ["check", passed ? "passed" : "failed"] },
    element("span", { class: "label" }, label),
    gauge,
    element("span", { class: "measure" }, element("span", { class: "unseen" }, "score "), score.toFixed(2),
      element("span", { class: "unseen" }, `, at least ${threshold.toFixed(2)} is needed`)),
    renderVerdict(passed),
    reason ? element("p", { class: "advice" }, `${reason[0].toUpperCase()}${reason.slice(1)}`) : undefined,
  );
}

function renderVerdict(passed) {
  return element("span", { class: "verdict" }, element("span", { "aria-hidden": "true" }, passed ? "✓ " : "✕ "), passed ? "passed" : "failed");
}

export function renderRequirements({ requirements }) {
  const heads = ["Requirement", "Measured", "Bound", "Result"].map((head) => element("th", { scope: "col" }, head));
  const failedCount = requirements.filter(({ passed }) => !passed).length;
  return panel(
    "requirements",
    "Requirements",
    element(
      "details",
      { open: failedCount > 0 },
      element("summary", {}, failedCount ? `${failedCount} of ${requirements.length} not met` : `All ${requirements.length} met`),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of requirements" },
        element("table", {}, element("thead", {}, element("tr", {}, heads)), element("tbody", {}, requirements.map(renderRequirement)))),
    ),
  );
}

function renderRequirement({ name, threshold, measured, passed, action }) {
  const [label, unit] = REQUIREMENTS[name] ?? [name, ""];
  const relation = name.endsWith("_min") ? "≥" : name.endsWith("_below") ? "<" : "≤";
  const isAdvice = action === "REQUIREMENT_ACTION_WARN";
  return element(
    "tr",
    { class: passed ? "passed" : isAdvice ? "advised" : "failed" },
    element("th", { scope: "row" }, label),
    element("td", {}, measured === undefined ? "does not apply" : `${formatNumber(measured)} ${unit}`),
    element("td", {}, `${relation}\u00a0${formatNumber(threshold)} `, element("span", { class: "hint" }, isAdvice ? "advice only" : "must")),
    element("td", {}, renderVerdict(passed)),
  );
}

function formatNumber(number) {
  return number.toLocaleString("en", { maximumFractionDigits: 1 });
}

export function renderTimings(timings) {
  const total = timings.find(({ stage }) => stage === "total")?.duration_ms ?? 0;
  const stages = timings.filter(({ stage }) => stage !== "total");
  const segments = stages.map(({ duration_ms: duration }) => {
    const segment = element("span", {});
    segment.style.flexGrow = String(duration);
    return segment;
  });
  const legend = stages.map(({ stage, duration_ms: duration }) =>
    element("li", {}, `${stage.replaceAll("_", " ")} `, element("span", { class: "measure" }, `${duration.toFixed(1)} ms`)));
  return panel(
    "timings",
    "Time",
    element("p", { class: "total" }, `${total.toFixed(0)} ms on the server`),
    element("div", { class: "stack", "aria-hidden": "true" }, segments),
    element("ol", { class: "legend" }, legend),
  );
}

export function renderDocument(recognition) {
  return element(
    "details",
    { class: "panel", id: "document" },
    element("summary", {}, "The whole answer as JSON"),
    element("pre", { tabindex: "0", role: "region", "aria-label": "Answer as JSON" }, JSON.stringify(recognition, null, 2)),
  );
}
