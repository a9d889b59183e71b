"use strict";

// The model card as people read it: GET /model, set in type. Parts that a card does not have are left out.

const SETS = { utkface: "UTKFace’s test pictures", fairface: "FairFace’s test pictures" };

const exact = (part, digits = 1) => `${(100 * part).toFixed(digits)}\u00a0%`;
const within = ({ interval_95: [low, high] }) => `${exact(low)} to ${exact(high)}`;
const items = (texts) => make("ul", "", texts.map((each) => make("li", "", each)));

async function read() {
  const response = await fetch(`${root}model`);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

function part(heading, ...content) {
  return make("article", "", make("h2", "", heading), ...content.filter(Boolean));
}

/** An interval as a bar from 0 to 100 %. */
function rangeOf({ interval_95: [low, high] }) {
  const inner = make("span");
  inner.style.left = `${100 * low}%`;
  inner.style.right = `${100 * (1 - high)}%`;
  const bar = make("span", "range", inner);
  bar.setAttribute("aria-hidden", "true");
  return bar;
}

/** A table of figures with their intervals, each of what `of` says. */
function figures(caption, of, rows) {
  if (!rows.length) return null;
  const frame = tableOf(caption, [of, "Value", "95 % interval", "0 to 100 %"], rows.map(([name, each]) => [name, exact(each.value), within(each), rangeOf(each)]));
  frame.firstChild.className = "figures";
  return frame;
}

function setOf(name, card) {
  const metrics = card.metrics[name];
  const labels = Object.keys(card.labels);
  const sets = metrics.prediction_sets;
  return part(
    SETS[name] ?? name,
    make("p", "", `${metrics.pictures.toLocaleString("en-GB")} pictures that the model was not trained on; a face was found in ${exact(metrics.faces_found, 2)}.`),
    figures("Accuracy", "Counted", Object.entries({
      "All pictures": metrics.accuracy, "Mean of the five labels (balanced)": metrics.balanced_accuracy, "With this set’s own shares": metrics.accuracy_with_own_prior,
    }).filter(([, each]) => each)),
    metrics.recall && figures("Recall: of the pictures with a label, those that get it", "Label", Object.entries(metrics.recall)),
    metrics.precision_at_equal_priors && figures("Precision: of the pictures given a label, those that have it (labels equally common)", "Label", Object.entries(metrics.precision_at_equal_priors)),
    metrics.confusion && confusionOf(metrics.confusion, labels),
    sets && tableOf(`Prediction sets: how often they hold the annotators’ label (90 % is aimed at). Their mean size is ${sets.mean_size.toFixed(2)}; ${exact(sets.uncertain_share)} hold more than one label.`, ["Label", "Held"], Object.entries(sets.coverage).map(([label, held]) => [label, exact(held)])),
    metrics.reliability && reliabilityOf(metrics),
    metrics.groups && figures("Balanced accuracy by group", "Group (pictures)", Object.entries(metrics.groups).map(([group, { pictures, balanced_accuracy: each }]) => [`${group} (${pictures})`, each])),
    metrics.gaps && gapsOf(metrics.gaps),
    metrics.by_detail && detailOf(metrics.by_detail),
  );
}

function gapsOf(gaps) {
  const points = (each) => (100 * each).toFixed(1).replace("-", "−");
  return tableOf("Largest gaps between groups, in percentage points", ["Between", "Highest", "Lowest", "Gap", "95 % interval"], Object.entries(gaps).map(
    ([between, { highest, lowest, value, interval_95: [from, to] }]) => [between, highest, lowest, points(value), `${points(from)} to ${points(to)}`],
  ));
}

function confusionOf(confusion, labels) {
  const table = tableOf("Confusion: annotators’ label by row, the model’s by column", ["Label", ...labels], confusion.map((row, index) => [labels[index], ...row.map(String)]));
  for (const [index, row] of [...table.querySelectorAll("tbody tr")].entries()) row.cells[index + 1].className = "same";
  return table;
}

/** How often the model is right, by how confident it is. */
function reliabilityOf({ reliability, expected_calibration_error: error }) {
  const [x, y] = [(each) => 48 + 240 * each, (each) => 250 - 240 * each];
  const words = `Right by confidence: the mean gap between the two is ${exact(error)}`;
  const chart = draw("svg", { viewBox: "0 0 300 290", role: "img", "aria-label": `${words}. The numbers are in the table.` });
  for (const level of [0, 0.5, 1]) {
    chart.append(draw("line", { class: "grid", x1: x(0), x2: x(1), y1: y(level), y2: y(level) }));
    chart.append(draw("text", { x: 42, y: y(level) + 4, "text-anchor": "end" }, share(level)));
    chart.append(draw("text", { x: x(level), y: 268, "text-anchor": level === 1 ? "end" : "middle" }, share(level)));
  }
  chart.append(draw("line", { class: "ideal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
  for (const each of reliability) chart.append(draw("circle", { class: "bin", cx: x(each.confidence), cy: y(each.right), r: 2 + 12 * Math.sqrt(each.share) }));
  chart.append(draw("text", { x: x(0.5), y: 285, "text-anchor": "middle" }, "confidence"));
  const rows = reliability.map((each) => [exact(each.confidence), exact(each.right), exact(each.share)]);
  const figure = make("figure", "", make("p", "", `${words}. Each dot is a twelfth of the range, as large as its share of the pictures; on the dashed line confidence is what it says.`));
  figure.append(chart);
  const details = make("details", "", make("summary", "", "The chart as a table"), tableOf("Calibration", ["Confidence", "Right", "Share of the pictures"], rows));
  return make("div", "", figure, details);
}

function detailOf(rows) {
  return tableOf("By how much detail the face has (pictures spoiled on purpose are among them)", ["Detail at least", "Pictures", "Accuracy", "Mean confidence", "Mean set size", "Lowest coverage"], rows.map((each) => [
    each.min_detail.toFixed(3), each.pictures.toLocaleString("en-GB"), exact(each.accuracy), exact(each.mean_confidence), each.mean_set_size.toFixed(2), exact(each.lowest_coverage),
  ]));
}

function dataOf(data) {
  const count = (each) => (each ?? 0).toLocaleString("en-GB");
  return tableOf("Pictures", ["Set", "Training", "Validation", "Test", "Terms"], data.map(({ name, pictures, terms }) => [name, count(pictures.train), count(pictures.val), count(pictures.test), terms]));
}

function set(card) {
  document.title = `${card.name}: model card`;
  at("title").textContent = card.name;
  at("about").textContent = card.task;
  const labels = Object.entries(card.labels).map(([label, about]) => make("div", "", make("dt", "", label), make("dd", "quiet", about)));
  at("sections").append(
    part("Uses", make("h3", "", "Intended"), items(card.intended_uses), make("h3", "", "Ruled out"), items(card.ruled_out_uses)),
    part("Limits", items(card.limits)),
    part("Labels", make("dl", "", labels)),
    part("Model", make("p", "", `${card.architecture}.`), make("p", "quiet", `Version ${card.model}.`)),
    part("Data", dataOf(card.data)),
    ...Object.keys(card.metrics).filter((name) => card.metrics[name].pictures).map((name) => setOf(name, card)),
  );
}

read().then(set).catch((fault) => {
  at("about").textContent = `The card cannot be read (${fault.message}). Reload the page, or open model itself.`;
});
