// The page's life: a photo comes in, is sent, and what the server says is shown. Nothing is kept but in memory.

import { rateFields, renderFields, renderFindings } from "./card.js";
import { renderDocument, renderQuality, renderRequirements, renderTimings } from "./checks.js";
import { element } from "./elements.js";
import { listenForPhotos } from "./intake.js";
import { preparePhoto } from "./photo.js";
import { Picture } from "./picture.js";
import { Failure, recognize } from "./service.js";
import { Spotlight } from "./spotlight.js";
import { FAILURES } from "./words.js";

const byId = (id) => document.getElementById(id);
const settings = Object.fromEntries(Object.entries(document.body.dataset).map(([name, value]) => [name, Number(value)]));
const bounds = { sure: settings.sureConfidence, doubtful: settings.doubtfulConfidence };
const picture = new Picture();
const spotlight = new Spotlight(byId("answer"), byId("overlay"), magnify);
const STRIP_HEIGHT_PX = 56;
const LENS_HEIGHT_PX = 96;
const MAY_PASS = new Set(["UNREACHABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"]); // trying again may help

let key = "";
let current = null; // the photo that is shown, the controller that stops its request, and the card once it is read

async function take(file) {
  current?.controller.abort();
  const mine = (current = { file, controller: new AbortController() });
  clear();
  setState("reading", "Reading the photo …");
  try {
    const { blob, note } = await preparePhoto(file, settings);
    if (mine !== current) return;
    const isShown = await picture.show(blob);
    if (mine !== current) return;
    byId("picture").hidden = !isShown;
    byId("prepared").textContent = note;
    byId("prepared").hidden = note === "";
    const recognition = await recognize(blob, key, mine.controller.signal);
    if (mine === current) showAnswer(recognition);
  } catch (error) {
    if (mine === current) showFailure(error instanceof Failure ? error : new Failure("UNKNOWN", String(error)));
  }
}

function clear() {
  byId("result").hidden = false;
  byId("lens").hidden = true;
  byId("answer").replaceChildren();
  byId("failure").hidden = true;
  byId("key-form").hidden = true;
  spotlight.reset();
}

function setState(state, words) {
  document.body.dataset.state = state;
  byId("result").setAttribute("aria-busy", String(state === "reading"));
  byId("status").textContent = words;
}

function showAnswer(recognition) {
  const { card, quality, requirements, timings } = recognition;
  const levels = rateFields(card, bounds);
  current.card = card;
  picture.draw(recognition, levels);
  byId("lens").hidden = false;
  magnify(null);
  byId("answer").replaceChildren(
    renderFields(card, levels, (quad) => picture.cut(quad, STRIP_HEIGHT_PX)),
    renderFindings(card.findings),
    renderQuality(quality),
    renderRequirements(requirements),
    renderTimings(timings),
    renderDocument(recognition),
  );
  setState("done", summarise(levels, recognition));
}

// Shows a field's place in the photo large, or what would do so.
function magnify(field) {
  const quad = current?.card?.[field]?.quad;
  byId("lens").replaceChildren(quad ? picture.cut(quad, LENS_HEIGHT_PX) : "Point at a field to see its place enlarged.");
}

function summarise(levels, { card, quality }) {
  const fieldCount = Object.keys(levels).length;
  const doubtfulCount = Object.values(levels).filter((level) => level !== "good").length;
  const failedCount = Object.values(quality).filter((score) => score.passed === false).length;
  const parts = [`${fieldCount} fields read`];
  if (doubtfulCount) parts.push(`${doubtfulCount} to look at`);
  if (card.findings.length) parts.push(card.findings.length === 1 ? "1 finding" : `${card.findings.length} findings`);
  if (failedCount) parts.push(failedCount === 1 ? "1 quality check failed" : `${failedCount} quality checks failed`);
  return `${parts.join(", ")}.`;
}

function showFailure(failure) {
  const [title, advice] = FAILURES[failure.reason] ?? FAILURES.UNKNOWN;
  const asksForKey = failure.reason === "UNAUTHENTICATED";
  byId("failure").replaceChildren(
    element("h2", {}, title),
    element("p", {}, advice),
    ...renderMessage(failure),
    element("p", { class: "hint" }, element("code", {}, failure.reason), failure.requestId ? ` · request ${failure.requestId}` : ""),
    failure.retrySeconds !== null ? element("p", {}, `The server asks to wait ${failure.retrySeconds} s.`) : "",
    failure.retrySeconds !== null || MAY_PASS.has(failure.reason) ? renderRetry() : "",
  );
  byId("failure").hidden = false;
  byId("key-form").hidden = !asksForKey;
  setState("failed", "");
  if (asksForKey) byId("key").focus();
}

// What the server says; the checks that failed come as a list.
function renderMessage({ reason, message }) {
  if (message === "") return [];
  if (reason !== "QUALITY_REJECTED") return [element("p", { class: "hint" }, `The server says: ${message}.`)];
  return [element("ul", { class: "points" }, message.split("; ").map((point) => element("li", {}, point.replaceAll("_", " "))))];
}

function renderRetry() {
  const again = element("button", { type: "button", class: "button" }, "Try again");
  again.addEventListener("click", () => take(current.file));
  return again;
}

function describeLimits() {
  const size = `${(settings.maxBytes / 1024 / 1024).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
  const pixels = `${settings.belowLongPx} × ${settings.belowShortPx} pixels`;
  return `JPEG, PNG or BMP. A photo above ${size} or of ${pixels} and more is scaled down in your browser first.`;
}

byId("limits").textContent = describeLimits();
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId("key").value.trim();
  take(current.file);
});
listenForPhotos(take, (words) => setState(document.body.dataset.state, words));
