"use strict";

// What the scripts of all pages share: elements, and numbers in words.

const at = (id) => document.getElementById(id);

/** The folder that this page lies in: a stage's name may stand before it. */
const root = location.pathname.replace(/[^/]*$/, "");

function make(kind, name, ...content) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  element.append(...content.flat());
  return element;
}

/** An element of SVG with its attributes. */
function draw(kind, attributes, ...content) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** A table with a heading for each column; a row's first cell is its heading. */
function tableOf(caption, columns, rows) {
  const heading = (scope) => (text) => Object.assign(make("th", "", text), { scope });
  const head = make("thead", "", make("tr", "", columns.map(heading("col"))));
  const body = rows.map(([first, ...cells]) => make("tr", "", heading("row")(first), cells.map((each) => make("td", "", each))));
  const table = make("table", "", make("caption", "", caption), head, make("tbody", "", body));
  const frame = make("div", "wide", table);
  frame.tabIndex = 0; // or the keyboard could not scroll it
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", caption);
  return frame;
}

/** A probability in words: what is rounded is never called certain or impossible. */
function percent(probability) {
  if (probability > 0.995) return ">\u00a099\u00a0%";
  if (probability < 0.005) return "<\u00a01\u00a0%";
  return share(probability);
}

function share(part) {
  return `${Math.round(100 * part)}\u00a0%`;
}

function list(words, last) {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}
