"use strict";

// What if the picture were different? The face and its surroundings, changed a little more at each step
// of a slider, and asked about again.

const STEPS = 10;
const AROUND = 2.6; // the side of the part that is looked at, in sides of the face
const LARGEST = 480; // its longest side in pixels
const GREY = "#808080";

/** Each change of a face `cut` out of its picture, at a strength of 0 to 1: the new one, and in words. */
const CHANGES = {
  darker: {
    name: "Darker",
    most: "darkest",
    words: (strength) => `${share(0.95 * strength)} darker`,
    apply: (cut, strength) => painted(cut, (context, { width, height }) => {
      context.fillStyle = `rgb(0 0 0 / ${0.95 * strength})`;
      context.fillRect(0, 0, width, height);
    }),
  },
  blurred: {
    name: "Blurred",
    most: "most blurred",
    words: (strength) => `blurred over ${share(0.2 * strength)} of the face’s width`,
    apply: (cut, strength) => painted(cut, (context, { width, height }) => {
      const pixels = context.getImageData(0, 0, width, height);
      blur(pixels, 0.2 * strength * cut.face.width);
      context.putImageData(pixels, 0, 0);
    }),
  },
  smaller: {
    name: "Smaller",
    most: "smallest",
    words: (strength, cut) => `face ${Math.round(cut.face.width * shrinkage(cut, strength))} pixels wide`,
    apply: (cut, strength) => scaled(cut, shrinkage(cut, strength)),
  },
  turned: {
    name: "Turned",
    most: "upside down",
    words: (strength) => `turned by ${Math.round(180 * strength)}°`,
    apply: (cut, strength) => turned(cut, Math.PI * strength),
  },
  covered: {
    name: "Covered",
    most: "all covered",
    words: (strength) => `the lower ${share(strength)} of the face covered`,
    apply: (cut, strength) => painted(cut, (context) => {
      const { left, top, width, height } = cut.face;
      context.fillStyle = GREY;
      context.fillRect(left - 0.1 * width, top + height * (1 - strength), 1.2 * width, height * strength);
    }),
  },
};

// ---------------------------------------------------------------- pictures

/** The face with its surroundings: a canvas, and where on it the face is. */
function cutOut(picture, face) {
  const [left, top, width, height] = face.face.box;
  const half = AROUND * Math.max(width, height) / 2;
  const [x, y] = [left + width / 2, top + height / 2];
  const edges = {
    left: Math.max(0, x - half), top: Math.max(0, y - half),
    right: Math.min(picture.width, x + half), bottom: Math.min(picture.height, y + half),
  };
  const size = { width: edges.right - edges.left, height: edges.bottom - edges.top };
  const scale = Math.min(1, LARGEST / Math.max(size.width, size.height));
  const canvas = canvasOf(scale * size.width, scale * size.height);
  const density = picture.image.naturalWidth / picture.width; // an image element's pixels may be others
  const source = [edges.left, edges.top, size.width, size.height].map((each) => density * each);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.image, ...source, 0, 0, canvas.width, canvas.height);
  const place = { left: left - edges.left, top: top - edges.top, width, height };
  return { canvas, face: Object.fromEntries(Object.entries(place).map(([name, each]) => [name, scale * each])) };
}

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

/** A copy with something painted on it. */
function painted(cut, paint) {
  const canvas = canvasOf(cut.canvas.width, cut.canvas.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(cut.canvas, 0, 0);
  paint(context, canvas);
  return { canvas, face: cut.face };
}

/** From the full size to a face of 10 pixels, each step by the same factor. */
function shrinkage(cut, strength) {
  return Math.min(1, 10 / cut.face.width) ** strength;
}

/** By halves as far as that goes, or browsers would skip pixels. */
function scaled(cut, factor) {
  let { canvas } = cut;
  while (canvas.width > 2 * factor * cut.canvas.width) canvas = resized(canvas, canvas.width / 2, canvas.height / 2);
  canvas = resized(canvas, factor * cut.canvas.width, factor * cut.canvas.height);
  return { canvas, face: Object.fromEntries(Object.entries(cut.face).map(([name, each]) => [name, factor * each])) };
}

function resized(source, width, height) {
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Turned about the middle, on a canvas that holds all of it. */
function turned(cut, angle) {
  const { width, height } = cut.canvas;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const canvas = canvasOf(width * Math.abs(cosine) + height * Math.abs(sine), width * Math.abs(sine) + height * Math.abs(cosine));
  const context = canvas.getContext("2d");
  context.fillStyle = GREY;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(canvas.width / 2, canvas.height / 2);
  context.rotate(angle);
  context.drawImage(cut.canvas, -width / 2, -height / 2);
  const { face } = cut;
  const [x, y] = [face.left + (face.width - width) / 2, face.top + (face.height - height) / 2];
  const middle = [canvas.width / 2 + cosine * x - sine * y, canvas.height / 2 + sine * x + cosine * y];
  return { canvas, face: { ...face, left: middle[0] - face.width / 2, top: middle[1] - face.height / 2 } };
}

/** Nearly a Gaussian blur of this standard deviation, in place: three box blurs, each way. Safari has no filter. */
function blur({ data, width, height }, deviation) {
  const radius = Math.round(Math.sqrt(4 * deviation ** 2 + 1) / 2 - 0.5);
  if (radius < 1) return;
  for (let pass = 0; pass < 3; pass += 1) {
    for (let y = 0; y < height; y += 1) blurLine(data, 4 * y * width, 4, width, radius);
    for (let x = 0; x < width; x += 1) blurLine(data, 4 * x, 4 * width, height, radius);
  }
}

/** The running mean of a line of pixels, its ends repeated beyond it. */
function blurLine(data, start, stride, length, radius) {
  const line = new Uint8ClampedArray(length);
  for (let channel = start; channel < start + 3; channel += 1) {
    for (let each = 0; each < length; each += 1) line[each] = data[channel + each * stride];
    const pixel = (index) => line[Math.min(length - 1, Math.max(0, index))];
    let sum = 0;
    for (let index = -radius; index <= radius; index += 1) sum += pixel(index);
    for (let each = 0; each < length; each += 1) {
      data[channel + each * stride] = sum / (2 * radius + 1);
      sum += pixel(each + radius + 1) - pixel(each - radius);
    }
  }
}

// ---------------------------------------------------------------- asked about again

let original = null; // the face cut out
let found = {}; // by change and step: a face's answer, or null where none was found
let asking = new AbortController();
let pause = 0;

function startChanges() {
  at("kinds").append(...Object.entries(CHANGES).map(([value, { name }], index) => {
    const radio = Object.assign(make("input"), { type: "radio", name: "kind", value, checked: index === 0 });
    radio.addEventListener("change", () => {
      stopLooking();
      at("amount").value = 0;
      tellChange();
    });
    return make("label", "", radio, name);
  }));
  at("amount").max = STEPS;
  at("amount").addEventListener("input", () => {
    stopLooking();
    tellChange();
    pause = setTimeout(() => look([0, step()]), 250);
  });
  at("every").addEventListener("click", () => look([...Array(STEPS + 1).keys()]));
}

function askAboutChanges(picture, face) {
  stopLooking();
  original = cutOut(picture, face);
  found = Object.fromEntries(Object.keys(CHANGES).map((name) => [name, {}]));
  at("amount").value = 0;
  tellChange();
}

function stopLooking() {
  asking.abort();
  clearTimeout(pause);
  at("trial-status").textContent = "";
}

const kind = () => document.querySelector("input[name=kind]:checked").value;
const step = () => Number(at("amount").value);
const changed = (name, each) => CHANGES[name].apply(original, each / STEPS);
const inStep = (name, each) => (each === 0 ? "as it is" : CHANGES[name].words(each / STEPS, original));

/** Ask about these steps of the change that is chosen, one after the other, as far as they are not known. */
async function look(steps) {
  asking.abort();
  const turn = asking = new AbortController();
  const [name, answers] = [kind(), found[kind()]];
  try {
    for (const each of steps.filter((each) => answers[each] === undefined)) {
      at("trial-status").textContent = "Asking …";
      const answer = await lookAt(changed(name, each), turn.signal);
      if (turn.signal.aborted) return;
      answers[each] = answer;
      tellChange();
    }
    const words = inStep(name, step());
    at("trial-status").textContent = `${words[0].toUpperCase()}${words.slice(1)}: ${answers[step()] === null ? "no face found" : inWords(answers[step()])}.`;
  } catch (fault) {
    if (!turn.signal.aborted) at("trial-status").textContent = `${fault.message}. ${fault.advice ?? ""}`;
  }
}

/** The answer for the face where it should be, or null where no face is found there. */
async function lookAt({ canvas, face }, signal) {
  const middle = ({ left, top, width, height }) => [left + width / 2, top + height / 2];
  try {
    const { faces } = await ask(await jpegOf(canvas, 0.95), signal);
    const distance = ({ face: { box: [left, top, width, height] } }) => {
      const [x, y] = middle({ left, top, width, height });
      return Math.hypot(x - middle(face)[0], y - middle(face)[1]);
    };
    const nearest = faces.reduce((one, other) => (distance(other) < distance(one) ? other : one));
    return nearest.face.score === null || distance(nearest) < Math.max(face.width, face.height) ? nearest : null;
  } catch (fault) {
    if (fault.code === "no_face") return null;
    throw fault;
  }
}

// ---------------------------------------------------------------- what is seen

/** Show the picture at the slider's step, and what is known of it. */
function tellChange() {
  const [name, now] = [kind(), step()];
  const words = inStep(name, now);
  at("amount-words").textContent = words;
  at("amount").setAttribute("aria-valuetext", words);
  const { canvas } = changed(name, now);
  Object.assign(at("changed"), { width: canvas.width, height: canvas.height });
  at("changed").getContext("2d").drawImage(canvas, 0, 0);
  at("changed").setAttribute("aria-label", `The face, ${words}`);
  const answer = found[name][now];
  at("trial").replaceChildren(
    answer ? barsOf(answer, `Probabilities of the face, ${words}`)
      : make("p", "quiet small", answer === null ? "No face found: there is nothing to classify." : "Move the slider: the changed picture is sent to the service, and its answer shown here."),
  );
  at("chart").replaceChildren(chartOf(name, found[name], now));
  at("numbers").replaceChildren(numbersOf(name, found[name]));
  at("changes").classList.toggle("used", Object.keys(found[name]).length > 0); // and so printed
  at("every").disabled = Object.keys(found[name]).length > STEPS;
}

const FRAME = { left: 46, top: 10, right: 296, bottom: 180 };

/** The five probabilities along the slider, as far as it was asked about. */
function chartOf(name, answers, now) {
  const x = (each) => FRAME.left + (FRAME.right - FRAME.left) * each / STEPS;
  const y = (probability) => FRAME.bottom - (FRAME.bottom - FRAME.top) * probability;
  const known = Object.keys(answers).map(Number).sort((one, other) => one - other);
  const shown = known.filter((each) => answers[each]);
  const chart = draw("svg", { viewBox: "0 0 360 204", role: "img", "aria-label": `The five probabilities from “as it is” to “${CHANGES[name].most}”, at ${known.length} of ${STEPS + 1} steps. The numbers are in the table below.` });
  for (const level of [0, 0.5, 1]) {
    chart.append(draw("line", { class: "grid", x1: FRAME.left, x2: FRAME.right, y1: y(level), y2: y(level) }));
    chart.append(draw("text", { x: FRAME.left - 6, y: y(level) + 4, "text-anchor": "end" }, share(level)));
  }
  chart.append(draw("text", { x: FRAME.left, y: 198 }, "as it is"));
  chart.append(draw("text", { x: FRAME.right, y: 198, "text-anchor": "end" }, CHANGES[name].most));
  chart.append(draw("line", { class: "now", x1: x(now), x2: x(now), y1: FRAME.top, y2: FRAME.bottom }));
  for (const each of known.filter((each) => answers[each] === null)) {
    chart.append(draw("text", { x: x(each), y: y(0.5), "text-anchor": "middle", transform: `rotate(-90 ${x(each)} ${y(0.5)})` }, "no face"));
  }
  const last = shown.at(-1);
  const ends = last === undefined ? {} : apart(LABELS.map((label) => [label, y(answers[last].probabilities[label])]));
  LABELS.forEach((label, index) => {
    const points = shown.map((each) => [x(each), y(answers[each].probabilities[label])]);
    for (const run of runs(shown, known)) {
      const line = run.map((each) => `${x(each)},${y(answers[each].probabilities[label])}`).join(" ");
      chart.append(draw("polyline", { class: `line line-${index}`, points: line }));
    }
    chart.append(...points.map(([left, top]) => draw("circle", { class: `dot line-${index}`, cx: left, cy: top, r: 2.5 })));
    if (last !== undefined) chart.append(draw("text", { class: `name line-${index}`, x: FRAME.right + 8, y: ends[label] + 4 }, label));
  });
  return chart;
}

/** Steps with an answer, split where a step between them found no face. */
function runs(shown, known) {
  const all = [[]];
  for (const each of known) {
    if (shown.includes(each)) all.at(-1).push(each);
    else all.push([]);
  }
  return all.filter((run) => run.length);
}

/** Heights of the names, moved apart until none covers another. */
function apart(heights) {
  const sorted = [...heights].sort((one, other) => one[1] - other[1]);
  for (let index = 1; index < sorted.length; index += 1) sorted[index][1] = Math.max(sorted[index][1], sorted[index - 1][1] + 13);
  const over = Math.max(0, sorted.at(-1)[1] - FRAME.bottom);
  for (let index = sorted.length - 1, limit = FRAME.bottom; index >= 0 && over; index -= 1, limit -= 13) sorted[index][1] = Math.min(sorted[index][1], limit);
  return Object.fromEntries(sorted);
}

function numbersOf(name, answers) {
  const rows = Object.entries(answers).map(([each, answer]) => [
    inStep(name, Number(each)),
    ...LABELS.map((label) => (answer ? percent(answer.probabilities[label]) : "–")),
    answer ? list(answer.prediction_set, "or") : "no face found",
  ]);
  if (!rows.length) return make("p", "quiet small", "Nothing was asked yet.");
  return tableOf("The face’s probabilities", [CHANGES[name].name, ...LABELS, "Kept"], rows);
}
