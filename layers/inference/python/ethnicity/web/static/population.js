"use strict";

// What if other people were in the population? The service answers as if the five labels were equally
// common. Bayes' rule turns that into probabilities for any other shares, here in the browser.

const LABELS = ["White", "Black", "Asian", "Indian", "Others"];

const PRESETS = {
  equal: {
    name: "Equal shares, as the service answers",
    shares: [1, 1, 1, 1, 1],
    source: "The service does not know the population, so it takes the labels as equally common.",
  },
  utkface: {
    name: "UTKFace’s test pictures",
    shares: [41.4, 21, 15.6, 15.8, 6.2],
    source: "Counted in the 2,472 test pictures of the model card.",
  },
  fairface: {
    name: "FairFace’s test pictures",
    shares: [19.5, 14, 28.7, 13.2, 24.6],
    source: "Counted in the 2,486 test pictures of the model card.",
  },
  census: {
    name: "England and Wales, census of 2021",
    shares: [81.7, 4, 2.4, 6.9, 5],
    source: "An example: Office for National Statistics, Census 2021, table TS021 (Open Government Licence 3.0), as the labels would have it: Asian stands for its Chinese and other Asian groups, Indian for Indian, Pakistani and Bangladeshi, Others for its mixed and other groups. A census asks people who they are; the labels are guesses from looks, so the two only roughly match.",
  },
  own: { name: "Your own", source: "Move a slider: the other four keep their proportions." },
};

const HALF_A_DIGIT = 0.00005; // the answer has four decimals, so its zeros are not quite zero

let shares = shareOut(PRESETS.equal.shares);
let inQuestion = null; // the face
let saying = 0;

/** Probabilities for equally common labels, made those for the shares: Bayes' rule. */
function posterior(probabilities, prior) {
  return shareOut(probabilities.map((each, index) => Math.max(each, HALF_A_DIGIT) * prior[index]));
}

function shareOut(weights) {
  const sum = weights.reduce((total, each) => total + each, 0);
  return weights.map((each) => each / sum);
}

/** The shares with one of them set, and the others scaled so that all sum to 1. */
function withShare(before, index, value) {
  const rest = 1 - before[index];
  return before.map((each, other) => {
    if (other === index) return value;
    return rest > 0 ? each * (1 - value) / rest : (1 - value) / (before.length - 1);
  });
}

function startPopulation() {
  at("preset").append(...Object.entries(PRESETS).map(([value, { name }]) => Object.assign(make("option", "", name), { value })));
  at("shares").append(...LABELS.map((label, index) => {
    const slider = Object.assign(make("input"), { type: "range", min: 0, max: 100, step: 1, id: `share-${label}` });
    slider.addEventListener("input", () => {
      at("preset").value = "own";
      shares = withShare(shares, index, slider.value / 100);
      tellPopulation(index);
    });
    const name = Object.assign(make("label", "", make("span", "unseen", "Share of "), label), { htmlFor: slider.id });
    const value = Object.assign(make("output"), { htmlFor: slider.id });
    return make("div", "share", name, slider, value);
  }));
  at("preset").addEventListener("change", () => {
    const chosen = PRESETS[at("preset").value].shares;
    if (chosen) shares = shareOut(chosen);
    tellPopulation();
  });
}

function askAboutPopulation(face) {
  inQuestion = face;
  tellPopulation();
}

/** Show the shares and what they make of the answer. `held`: the slider that the user holds. */
function tellPopulation(held) {
  [...at("shares").children].forEach((row, index) => {
    const slider = row.querySelector("input");
    if (index !== held) slider.value = Math.round(100 * shares[index]);
    slider.setAttribute("aria-valuetext", share(shares[index]));
    row.querySelector("output").textContent = share(shares[index]);
  });
  at("population").classList.toggle("used", at("preset").value !== "equal"); // and so printed
  at("source").textContent = PRESETS[at("preset").value].source;
  const before = LABELS.map((label) => inQuestion.probabilities[label]);
  const after = posterior(before, shares);
  at("shifted").replaceChildren(...LABELS.map((label, index) => {
    const note = make("span", "limit", make("span", "unseen", ", with all shares "), `equal ${percent(before[index])}`);
    return barOf(label, after[index], before[index], inQuestion.prediction_set.includes(label), percent(after[index]), note);
  }));
  const first = LABELS[after.indexOf(Math.max(...after))];
  const still = first === inQuestion.ethnicity;
  const words = `With these shares the most probable label is ${still ? "still " : ""}${first}, at ${percent(Math.max(...after))}${still ? "" : `, instead of ${inQuestion.ethnicity}`}.`;
  clearTimeout(saying);
  saying = setTimeout(() => { at("shift").textContent = words; }, 300); // or each step of a slider would be read out
}
