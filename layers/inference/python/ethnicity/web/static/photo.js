"use strict";

// A picture on its way to the service: opened, made a JPEG where it is none, sent, answered or refused.

// A synchronous Lambda call carries 6 MB with the picture as base64: 4.4 MB of JPEG fit for certain.
const MAX_BYTES = 4_400_000;
const SIDES = [4096, 2560, 1600]; // longest side to try, in pixels, until the JPEG fits

const service = new URL(`${root}predict?faces=all&thresholds=true`, location.origin);

/** What goes wrong on the way: a headline, what to do next, and the service's code where it has one. */
class Trouble extends Error {
  constructor(headline, advice, code) {
    super(headline);
    this.advice = advice;
    this.code = code;
  }
}

/** The picture that is sent: the file as it is where that can be, else a JPEG made of it. */
async function prepare(file) {
  const image = await load(file);
  const jpeg = await isJpeg(file);
  if (jpeg && file.size <= MAX_BYTES) {
    const { width, height } = await pixels(file, image);
    return { image, blob: file, width, height, name: file.name ?? "photo.jpg", made: false };
  }
  const made = await encode(image, image.naturalWidth, image.naturalHeight);
  return { image, ...made, name: "as-sent.jpg", made: true };
}

async function load(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    return image;
  } catch {
    throw new Trouble("This file does not open as a picture", "It may be damaged, or of a kind that this browser cannot read. Choose another photo: JPEG is best, PNG and WebP work too.");
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** The picture's true size, upright: an image element's own may be corrected for density. */
async function pixels(blob, image) {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  bitmap.close();
  const turned = (width > height) !== (image.naturalWidth > image.naturalHeight);
  return turned ? { width: height, height: width } : { width, height };
}

async function isJpeg(blob) {
  const start = new Uint8Array(await blob.slice(0, 3).arrayBuffer());
  return start[0] === 0xff && start[1] === 0xd8 && start[2] === 0xff;
}

/** A JPEG under the limit, upright, of an image or a video frame. */
async function encode(source, fullWidth, fullHeight) {
  const canvas = document.createElement("canvas");
  for (const side of SIDES) {
    const scale = Math.min(1, side / Math.max(fullWidth, fullHeight));
    canvas.width = Math.max(1, Math.round(fullWidth * scale));
    canvas.height = Math.max(1, Math.round(fullHeight * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // under what is transparent
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    const blob = await jpegOf(canvas, 0.92);
    if (blob && blob.size <= MAX_BYTES) return { blob, width: canvas.width, height: canvas.height };
  }
  throw new Trouble("This picture cannot be made small enough", "Save it smaller with another program, then choose it again.");
}

function jpegOf(canvas, quality) {
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
}

async function ask(blob, signal) {
  const bytes = await blob.arrayBuffer();
  const send = (type, body) => fetch(service, {
    method: "POST", headers: { "content-type": type }, body, cache: "no-store", signal,
  });
  let response;
  try {
    response = await send("image/jpeg", bytes);
    if (response.status === 502) { // sam local start-api takes text alone
      response = await send("application/json", JSON.stringify({ image: await dataUrl(blob) }));
    }
  } catch {
    throw new Trouble("The service cannot be reached", "Check the connection, and whether the server still runs; then try again.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && answer.faces) return answer;
  throw refusal(response.status, answer);
}

function dataUrl(blob) {
  const reader = new FileReader();
  return new Promise((done, failed) => {
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}

const REFUSALS = {
  no_face: ["No face found", "Try a photo in which the face is larger, sharper or seen more from the front, and nothing covers it."],
  corrupt_image: ["The JPEG is damaged", "It ends too early or is broken inside. Save it again, or choose another photo."],
  not_jpeg: ["This is not a JPEG", "Save the photo as a JPEG and choose it again."],
  unsupported_jpeg: ["This kind of JPEG is not supported", "Save the photo as an ordinary JPEG with another program and choose it again."],
  image_too_large: ["The picture is too large", "The service takes 5 MB and 50 megapixels. Save it smaller and choose it again."],
  401: ["Sign in first", "This deployment wants a bearer token (AuthMode JWT), which this page does not have. Send the picture with curl and a header Authorization: Bearer …"],
  403: ["Only signed requests are let in", "This deployment has AuthMode AWS_IAM, and a browser cannot sign. Use the page on your own machine (make serve) or with AuthMode NONE; or send the picture with curl --aws-sigv4, as the README shows."],
  413: ["The picture is too large", "It does not fit through to the service. Save it smaller and choose it again."],
  429: ["Too many requests just now", "The service lets only so many through. Wait a few seconds and try again."],
  404: ["There is no service here", "The page asked for /predict beside itself and found nothing. Open it at the root of the API."],
};

function refusal(status, answer) {
  const known = REFUSALS[answer.code] ?? REFUSALS[status];
  if (known) return new Trouble(...known, answer.code);
  if (status >= 500) return new Trouble("The service has a fault", `It is not your picture’s (status ${status}). Try again in a moment; if it stays, its operator finds it in the log.`);
  return new Trouble(answer.error ?? `The service refused the picture (status ${status})`, "Choose another photo.");
}
