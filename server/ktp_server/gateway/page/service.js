// Calls the server.

const RECOGNIZE_PATH = "/v1/cards:recognize";
const BODY_TYPE = "application/octet-stream"; // what it is, the server sees by its bytes better than a browser by its name

// Why a photo was not read. `reason` is a key of FAILURES; `retrySeconds` is the server's advice, null where it gave none.
export class Failure extends Error {
  constructor(reason, message, { requestId = "", retrySeconds = null } = {}) {
    super(message);
    this.reason = reason;
    this.requestId = requestId;
    this.retrySeconds = retrySeconds;
  }
}

// Sends a photo (a Blob) and gives the answer's `recognition`. Throws a Failure, or an AbortError when `signal` says stop.
export async function recognize(photo, key, signal) {
  const headers = { "Content-Type": BODY_TYPE };
  if (key) headers["X-API-Key"] = key;
  let answer;
  try {
    answer = await fetch(RECOGNIZE_PATH, {
      method: "POST", body: photo, headers, signal, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("UNREACHABLE", "");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok && body.recognition) return body.recognition;
  throw failureFrom(answer, body);
}

function failureFrom(answer, body) {
  const retryAfter = answer.headers.get("Retry-After");
  return new Failure(answer.headers.get("X-Error-Reason") ?? "UNKNOWN", body.error?.message ?? answer.statusText, {
    requestId: answer.headers.get("X-Request-Id") ?? "",
    retrySeconds: retryAfter === null ? null : Number(retryAfter),
  });
}
