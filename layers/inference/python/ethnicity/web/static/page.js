"use strict";

// The page: a picture comes in, is shown, sent and answered; then one may ask what if.

let running = new AbortController();

async function show(file, about = "") {
  running.abort();
  const turn = running = new AbortController();
  begin();
  try {
    const picture = await prepare(file);
    if (turn.signal.aborted) return;
    place(picture, about);
    const answer = await ask(picture.blob, turn.signal);
    if (!turn.signal.aborted) tell(answer, picture);
  } catch (fault) {
    if (!turn.signal.aborted) complain(fault);
  } finally {
    if (running === turn) end();
  }
}

// ---------------------------------------------------------------- what is seen

function begin() {
  stopLooking();
  for (const id of ["alert", "faces", "boxes"]) at(id).replaceChildren();
  for (const id of ["request", "response", "sent", "about", "frame", "full-notice", "what-if", "drop"]) at(id).hidden = true;
  at("stage").classList.add("full");
  at("busy").hidden = at("waiting").hidden = at("choose").hidden = false;
  if (document.activeElement === document.body) at("choose").focus(); // it was on the drop zone
  at("status").textContent = "The picture is being classified.";
}

function end() {
  at("busy").hidden = at("waiting").hidden = true;
}

function place(picture, about) {
  URL.revokeObjectURL(at("photo").src);
  at("photo").src = URL.createObjectURL(picture.blob);
  at("photo").alt = "Your photo";
  at("photo").classList.toggle("small-picture", Math.max(picture.width, picture.height) < 352);
  at("frame").hidden = false;
  at("about").textContent = about;
  at("about").hidden = !about;
  const size = `${picture.width} × ${picture.height}, ${Math.ceil(picture.blob.size / 1000).toLocaleString("en-GB")} KB`;
  at("sent").textContent = picture.made
    ? `Sent as a JPEG made in this browser: ${size}.`
    : `Sent as it is: ${size}.`;
  at("sent").hidden = false;
  at("command").textContent = command(picture);
  at("save").hidden = !picture.made;
  at("saved").href = at("photo").src;
  at("copied").textContent = "";
  at("request").hidden = false;
}

/** For POSIX shells and Windows alike: double quotes around names that hold nothing special. */
function command(picture) {
  const name = /^[\p{L}\p{N}_.() +-]+$/u.test(picture.name) ? picture.name : "photo.jpg";
  return `curl -H "Content-Type: image/jpeg" --data-binary "@${name}" "${service}"`;
}

function tell(answer, picture) {
  const { faces } = answer;
  at("how").open = false;
  at("json").textContent = JSON.stringify(answer, null, 2);
  at("response").hidden = false;
  faces.forEach((face, index) => {
    const card = cardOf(face, index + 1, faces.length);
    const box = boxOf(face, index + 1, faces.length, picture);
    for (const [one, other] of [[box, card], [card, box]]) {
      for (const event of ["pointerenter", "focusin"]) one.addEventListener(event, () => other.classList.add("lit"));
      for (const event of ["pointerleave", "focusout"]) one.addEventListener(event, () => other.classList.remove("lit"));
    }
    box.addEventListener("click", () => {
      card.open = true;
      card.querySelector("h3").focus();
    });
    at("faces").append(card);
    at("boxes").append(box);
  });
  at("full-notice").textContent = answer.notice;
  at("full-notice").hidden = false;
  document.body.classList.add("answered");
  const found = faces.length === 1 ? "One face found." : `${faces.length} faces found, the largest first.`;
  at("status").textContent = [found, ...faces.map((face, index) => `Face ${index + 1}: ${inWords(face)}.`)].join(" ");
  offerWhatIf(faces, picture);
  bringIntoView();
}

function complain(fault) {
  const known = fault instanceof Trouble;
  const headline = known ? fault.message : "Something went wrong on this page";
  const advice = known ? fault.advice : "Reload it and try again.";
  at("status").textContent = "";
  at("how").open = false;
  at("drop").hidden = !at("frame").hidden;
  at("choose").hidden = at("frame").hidden;
  at("stage").classList.toggle("full", at("drop").hidden);
  at("alert").replaceChildren(make("div", "card wrong", make("h3", "", headline), make("p", "", advice)));
  bringIntoView();
}

/** On a phone the answer is below the picture: nobody should have to look for it. */
function bringIntoView() {
  at("waiting").hidden = true;
  if (at("answer").getBoundingClientRect().top > innerHeight / 2) at("answer").scrollIntoView();
}

function offerWhatIf(faces, picture) {
  at("which").hidden = faces.length === 1;
  at("whose").replaceChildren(...faces.map((face, index) => Object.assign(make("option", "", `Face ${index + 1}: ${inWords(face)}`), { value: index })));
  at("whose").onchange = () => {
    const face = faces[at("whose").value];
    askAboutPopulation(face);
    askAboutChanges(picture, face);
  };
  at("whose").onchange();
  at("what-if").hidden = false;
}

// ---------------------------------------------------------------- ways in

function first(files) {
  const file = [...files].find((each) => each.type.startsWith("image/")) ?? files[0];
  if (file) show(file);
}

for (const id of ["file", "capture"]) {
  at(id).addEventListener("change", () => {
    first(at(id).files);
    at(id).value = ""; // or the same file could not be chosen again
  });
}
for (const id of ["choose", "drop"]) at(id).addEventListener("click", () => at("file").click());

addEventListener("dragover", (event) => { event.preventDefault(); at("stage").classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) at("stage").classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  at("stage").classList.remove("over");
  first(event.dataTransfer.files);
});
addEventListener("paste", (event) => first(event.clipboardData.files));

for (const example of document.querySelectorAll(".example")) {
  example.addEventListener("click", () => {
    const encoded = example.querySelector("img").src.split(",")[1];
    const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
    show(new File([bytes], `${example.value}.jpg`, { type: "image/jpeg" }), example.dataset.about);
  });
}

// Phones have a better camera application than any page; without https there is no other way.
at("open-camera").addEventListener("click", async () => {
  const phone = matchMedia("(pointer: coarse) and (hover: none)").matches;
  if (phone || !navigator.mediaDevices?.getUserMedia) return at("capture").click();
  try {
    at("viewfinder").srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
    at("shoot").disabled = true; // until there is something to take
    at("camera").showModal();
  } catch (fault) {
    running.abort();
    begin();
    end();
    complain(fault.name === "NotAllowedError"
      ? new Trouble("The camera is not allowed here", "Allow it beside the address bar, or choose a photo instead.")
      : new Trouble("No camera available", "None was found, or another program uses it. Choose a photo instead."));
  }
});
at("viewfinder").addEventListener("loadeddata", () => {
  at("shoot").disabled = false;
  at("shoot").focus();
});
at("close-camera").addEventListener("click", () => at("camera").close());
at("camera").addEventListener("close", () => {
  for (const track of at("viewfinder").srcObject?.getTracks() ?? []) track.stop();
  at("viewfinder").srcObject = null;
});
at("shoot").addEventListener("click", async () => {
  const { blob } = await encode(at("viewfinder"), at("viewfinder").videoWidth, at("viewfinder").videoHeight);
  at("camera").close();
  show(blob);
});

at("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(at("command").textContent);
    at("copied").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(at("command"));
    at("copied").textContent = "Selected: copy it with Ctrl+C or ⌘C";
  }
});

startPopulation();
startChanges();
