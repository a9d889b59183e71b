"use strict";

// The OpenAPI document beside this page, set in type: nothing here knows what it says.

const code = (text) => make("code", "", text);
const quiet = (text) => make("span", "quiet", text);
const items = (list) => make("ul", "", list);

/** Where the document's examples say the service is, and where it is. */
const EXAMPLE = "http://localhost:5000";
const here = `${location.origin}${root}`.replace(/\/$/, "");

async function read() {
  const response = await fetch(`${root}openapi.json`);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

function follow(node, spec) {
  return node.$ref ? node.$ref.slice(2).split("/").reduce((place, key) => place[key], spec) : node;
}

function operation(path, method, about, spec) {
  const article = make("article", "", make("h2", "", make("span", "method", method.toUpperCase()), " ", path));
  article.append(make("p", "", about.summary));
  if (about.description) article.append(make("p", "quiet", about.description));
  if (about.parameters) article.append(make("h3", "", "Query"), items(about.parameters.map((each) => field(each.name, each, each.required))));
  if (about.requestBody) {
    const forms = Object.entries(about.requestBody.content);
    article.append(make("h3", "", "Body, one of"), items(forms.map(([type, { schema }]) => make("li", "", code(type), ...shape(schema)))));
  }
  for (const { label, source } of about["x-codeSamples"] ?? []) {
    article.append(make("h3", "", label), scrolling(label, source.replaceAll(EXAMPLE, here)));
  }
  article.append(make("h3", "", "Responses"));
  article.append(items(Object.entries(about.responses).map(([status, answer]) => responseOf(status, follow(answer, spec)))));
  return article;
}

function responseOf(status, answer) {
  const item = make("li", "", code(status), " ", answer.description);
  for (const [type, { schema, example, examples }] of Object.entries(answer.content ?? {})) {
    item.append(" ", quiet(type), ...shape(schema));
    const shown = example === undefined ? Object.values(examples ?? {}) : [{ value: example }];
    const faults = shown.filter(({ value }) => typeof value.error === "string");
    if (faults.length) item.append(make("pre", "", faults.map(({ value }) => JSON.stringify(value)).join("\n")));
    for (const { summary, value } of shown.filter((each) => !faults.includes(each))) {
      const name = summary ?? "Example";
      item.append(make("p", "quiet", `${name}:`), scrolling(`${status}, ${name}`, typeof value === "string" ? value : JSON.stringify(value, null, 2)));
    }
  }
  return item;
}

/** Text as it is typed; focusable, or the keyboard could not scroll it. */
function scrolling(name, text) {
  const pre = make("pre", "", text);
  pre.tabIndex = 0;
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", name);
  return pre;
}

/** What a schema says, as inline text with its fields as a list. */
function shape(schema) {
  if (!schema) return [];
  const parts = [];
  const type = typeOf(schema);
  if (type.length) parts.push(" ", quiet("("), ...type, quiet(")"));
  if (schema.description) parts.push(" ", quiet(schema.description));
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length) parts.push(items(fields.map(([name, each]) => field(name, { schema: each }, schema.required?.includes(name)))));
  return parts;
}

function typeOf(schema) {
  if (schema.$ref) return [linkTo(schema.$ref)];
  const several = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (several) return join(several.map(typeOf), schema.allOf ? " and " : " or ");
  if ("const" in schema) return [code(JSON.stringify(schema.const))];
  if (schema.enum) return join(schema.enum.map((each) => [code(JSON.stringify(each))]), " or ");
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items)];
  return [[schema.type ?? ""].flat().join(" or ")];
}

function join(lists, by) {
  return lists.flatMap((list, index) => (index ? [by, ...list] : list));
}

function linkTo(ref) {
  const name = ref.split("/").at(-1);
  const link = make("a", "", name);
  link.href = `#${name}`;
  return link;
}

function field(name, { schema, description }, required) {
  const text = description ? [" ", quiet(description)] : [];
  return make("li", "", code(name), required ? "" : quiet(" optional"), ...shape(schema), ...text);
}

function schemaOf(name, schema) {
  const heading = make("h3", "", name);
  const article = make("article", "", heading, make("div", "", ...shape(schema)));
  article.id = name;
  for (const part of schema.allOf ?? []) if (part.properties) article.append(make("div", "", ...shape(part)));
  return article;
}

function set(spec) {
  document.title = `${spec.info.title}: API reference`;
  at("title").textContent = spec.info.title;
  at("about").textContent = spec.info.description;
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, about] of Object.entries(methods)) at("operations").append(operation(path, method, about, spec));
  }
  at("schemas").append(make("h2", "", "Schemas"));
  for (const [name, schema] of Object.entries(spec.components.schemas)) at("schemas").append(schemaOf(name, schema));
}

read().then(set).catch((fault) => {
  at("about").textContent = `The document cannot be read (${fault.message}). Reload the page, or open openapi.json itself.`;
});
