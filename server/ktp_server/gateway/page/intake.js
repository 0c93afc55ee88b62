// The ways in which a photo comes in: chosen, dropped, pasted, or taken.

const byId = (id) => document.getElementById(id);

// Calls `take` with each photo (a File), and `complain` with a sentence where there is none.
export function listenForPhotos(take, complain) {
  for (const input of [byId("file"), byId("capture")]) {
    input.addEventListener("change", () => {
      if (input.files.length) take(input.files[0]);
      input.value = ""; // the same file may be chosen again
    });
  }
  listenForDrops(take, complain);
  document.addEventListener("paste", (event) => {
    const file = firstFile(event.clipboardData);
    if (file) take(file);
    else if (!event.target.closest("input")) complain("There is no picture in the clipboard.");
  });
  listenForCamera(take, complain);
}

function firstFile(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? transfer?.files[0];
}

function listenForDrops(take, complain) {
  let depth = 0; // entering a child comes before leaving its parent
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  document.addEventListener("dragenter", () => mark(1));
  document.addEventListener("dragleave", () => mark(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-depth);
    const file = firstFile(event.dataTransfer);
    if (file) take(file);
    else complain("What was dropped is no file.");
  });
}

// A phone's own camera application takes better photos than a page; elsewhere the page shows the camera's picture itself.
function listenForCamera(take, complain) {
  const isPhone = matchMedia("(pointer: coarse)").matches;
  const canFilm = Boolean(navigator.mediaDevices?.getUserMedia);
  const dialog = byId("camera");
  const video = byId("viewfinder");
  byId("shoot").hidden = !isPhone && !canFilm;
  byId("shoot").addEventListener("click", () => (isPhone ? byId("capture").click() : film(dialog, video, complain)));
  byId("cancel").addEventListener("click", () => dialog.close());
  byId("shutter").addEventListener("click", async () => {
    const photo = await grabFrame(video);
    dialog.close();
    take(photo);
  });
  dialog.addEventListener("close", () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}

async function film(dialog, video, complain) {
  byId("shutter").disabled = true;
  dialog.showModal();
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 3840 }, height: { ideal: 2160 } },
    });
    video.srcObject = stream;
    if (!dialog.open) return dialog.dispatchEvent(new Event("close")); // cancelled meanwhile
    await video.play();
    byId("shutter").disabled = false;
  } catch (error) {
    dialog.close();
    const why = { NotAllowedError: "it was not allowed", NotFoundError: "none was found" }[error.name] ?? "it did not start";
    complain(`The camera cannot be used: ${why}. You can choose a photo instead.`);
  }
}

async function grabFrame(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  return new File([blob], "photo.jpg", { type: blob.type });
}
