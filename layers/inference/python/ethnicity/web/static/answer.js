"use strict";

// An answer as people read it: a card for each face, bars with their cut-offs, a box on the picture.

/** A face's answer. `number` counts from 1; of several faces, all but the first come collapsed. */
function cardOf(face, number, count) {
  const card = make("article", "card", headOf(face, number), barsOf(face, `Probabilities of face ${number}`), keyToBars());
  if (face.face.score === null) card.append(make("p", "small quiet", "The picture was taken whole, as a face already cut out."));
  if (number === 1) {
    if (count > 1) card.prepend(make("p", "number", `Face 1 of ${count}, the largest`));
    return card;
  }
  return make("details", "further", make("summary", "", `Face ${number} of ${count}: ${inWords(face)}`), card);
}

function headOf(face, number) {
  const kept = face.prediction_set;
  const heading = make("h3", "labels", list(kept, "or"));
  heading.tabIndex = -1;
  const verdict = face.uncertain
    ? make("span", "verdict unsure", `${kept.length} likely labels`)
    : make("span", "verdict sure", "One likely label");
  return make("div", "head", verdict, heading, make("p", "quiet", meaningOf(face)));
}

/** The sentences under a face's labels. */
function meaningOf(face) {
  const within = "The true label is among the kept ones about 9 times in 10.";
  const first = face.prediction_set[0];
  const below = face.probabilities[first] < face.thresholds[first];
  if (face.uncertain) {
    return `${spelled(face.prediction_set.length)} labels are kept: the picture does not settle it. That is the answer, not an error. ${within}`;
  }
  if (below) return `Probability ${percent(face.confidence)}. All five scored below their cut-offs, so the most probable label alone is kept.`;
  return `Probability ${percent(face.confidence)}. The other four scored below their cut-offs. ${within}`;
}

/** A bar for each label, as long as its probability, with a mark where the label's cut-off is. */
function barsOf(face, name) {
  const bars = make("ul", "bars", Object.entries(face.probabilities).map(([label, probability]) => {
    const kept = face.prediction_set.includes(label);
    const cutoff = face.thresholds[label];
    const words = face.probabilities[label] < cutoff ? "below its " : "above its ";
    const limit = make("span", "limit", make("span", "unseen", `, ${kept ? "kept" : "not kept"}, ${words}`), `cut-off ${exactly(cutoff)}`);
    const near = Math.abs(probability - cutoff) < 0.01; // 16.6 % and a cut-off of 16.9 % are not the same
    return barOf(label, probability, cutoff, kept, near ? exactly(probability) : percent(probability), limit);
  }));
  bars.setAttribute("aria-label", name);
  return bars;
}

/** One bar from 0 to 1: its length, a mark on it, and beside it the value in words and a note. */
function barOf(label, probability, mark, kept, value, note) {
  const fill = make("span", "fill");
  fill.style.width = `${100 * probability}%`;
  const tick = make("span", "tick");
  tick.style.left = `${100 * mark}%`;
  const bar = make("span", "bar", fill, tick);
  bar.setAttribute("aria-hidden", "true");
  return make("li", kept ? "kept" : "", make("span", "", label), bar, make("span", "value", value), note);
}

function exactly(probability) {
  return `${(100 * probability).toFixed(1)}\u00a0%`;
}

function keyToBars() {
  const key = make("p", "key", make("span", "kept", "kept"), make("span", "", "not kept"), make("span", "mark", "the label’s cut-off"));
  key.setAttribute("aria-hidden", "true");
  return key;
}

function boxOf(face, number, count, picture) {
  const [left, top, width, height] = face.face.box;
  const box = make("button", face.uncertain ? "box unsure" : "box");
  box.type = "button";
  box.style.left = `${100 * left / picture.width}%`;
  box.style.top = `${100 * top / picture.height}%`;
  box.style.width = `${100 * width / picture.width}%`;
  box.style.height = `${100 * height / picture.height}%`;
  box.classList.toggle("inside", top / picture.height < 0.1);
  box.setAttribute("aria-label", `Face ${number}: ${inWords(face)}. Go to its answer`);
  box.append(make("span", "", count > 1 ? String(number) : face.uncertain ? "not sure" : face.ethnicity));
  return box;
}

function inWords(face) {
  return face.uncertain
    ? `not sure, ${list(face.prediction_set, "or")}`
    : `${face.ethnicity}, ${percent(face.confidence)}`;
}

function spelled(count) {
  return ["No", "One", "Two", "Three", "Four", "Five"][count];
}
