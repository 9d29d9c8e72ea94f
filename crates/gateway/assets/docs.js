// Shows openapi.json: operations with parameters, bodies, answers and a curl
// line, then the schemas. Text only ever enters the page as text.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
let spec;

/** An element with attributes and children; strings become text. */
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Text with `code` in it. */
function prose(text) {
  const parts = (text || "").split("`");
  return el("span", {}, ...parts.map((part, i) => (i % 2 ? el("code", {}, part) : part)));
}

function resolve(thing) {
  if (!thing || !thing.$ref) return thing || {};
  return thing.$ref.slice(2).split("/").reduce((at, key) => (at || {})[key], spec) || {};
}

/** What a schema is called: a link to it, or its type with its bounds. */
function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return el("a", { href: "#schema-" + name }, name);
  }
  const choices = schema.oneOf || schema.anyOf;
  if (choices) {
    const shown = choices.filter((choice) => choice.type !== "null").map(typeOf);
    return el("span", {}, ...shown.flatMap((one, i) => (i ? [" or ", one] : [one])));
  }
  if (schema.type === "array") return el("span", {}, "list of ", typeOf(schema.items));
  const types = [].concat(schema.type || "any").filter((type) => type !== "null");
  const bounds = [
    schema.format,
    schema.minimum !== undefined && "from " + schema.minimum,
    schema.maximum !== undefined && "to " + schema.maximum,
    schema.minLength !== undefined && "at least " + schema.minLength + " characters",
    schema.maxLength !== undefined && "at most " + schema.maxLength + " characters",
  ].filter(Boolean);
  return types.join(" or ") + (bounds.length ? " (" + bounds.join(", ") + ")" : "");
}

function table(headings, rows) {
  if (!rows.length) return null;
  const head = el("tr", {}, ...headings.map((heading) => el("th", {}, heading)));
  const body = rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell))));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
}

function exampleOf(media) {
  if (media.example !== undefined) return media.example;
  const named = Object.values(media.examples || {})[0];
  if (named && named.value !== undefined) return named.value;
  const schema = resolve(media.schema);
  return schema.example !== undefined ? schema.example : (schema.examples || [])[0];
}

function shown(example) {
  return typeof example === "string" ? example : JSON.stringify(example, null, 2);
}

/** A value for the shell. */
function quoted(text) {
  return "'" + text.replaceAll("'", "'\\''") + "'";
}

function curl(method, path, operation) {
  let url = location.origin + path;
  const lines = [];
  for (const parameter of (operation.parameters || []).map(resolve)) {
    const known = parameter.example !== undefined ? parameter.example : resolve(parameter.schema).example;
    const value = String(known !== undefined && known !== null ? known : parameter.name.toUpperCase());
    if (parameter.in === "path") url = url.replace("{" + parameter.name + "}", value);
    if (parameter.in === "header" && parameter.required) lines.push("-H " + quoted(parameter.name + ": " + value));
  }
  const content = Object.entries((operation.requestBody || {}).content || {})[0];
  if (content) {
    const example = exampleOf(content[1]);
    lines.push("-H " + quoted("Content-Type: " + content[0]));
    lines.push("--data-binary " + quoted(example === undefined ? "…" : JSON.stringify(example)));
  }
  const answers = Object.values(operation.responses || {}).map(resolve);
  const streams = answers.some((answer) => (answer.content || {})["text/event-stream"]);
  const flags = (streams ? "-N " : "") + (method === "get" ? "" : "-X " + method.toUpperCase() + " ");
  return ["curl " + flags + quoted(url), ...lines].join(" \\\n  ");
}

function bodyOf(operation) {
  const content = Object.entries((operation.requestBody || {}).content || {})[0];
  if (!content) return null;
  const example = exampleOf(content[1]);
  return el("div", {}, el("h4", {}, "Body"),
    el("p", {}, el("code", {}, content[0]), ": ", typeOf(content[1].schema)),
    example === undefined ? null : el("pre", {}, shown(example)));
}

function answersOf(operation) {
  const rows = Object.entries(operation.responses || {}).map(([status, answer]) => {
    const { description, content, headers } = resolve(answer);
    const kinds = Object.entries(content || {}).map(([kind, media]) =>
      el("div", {}, el("code", {}, kind), " ", typeOf(media.schema)));
    const names = Object.keys(headers || {}).join(", ");
    return [el("b", {}, status), prose(description), el("div", {}, ...kinds), names];
  });
  return el("div", {}, el("h4", {}, "Answers"), table(["Status", "Meaning", "Body", "Headers"], rows));
}

function parametersOf(operation) {
  const rows = (operation.parameters || []).map(resolve).map((parameter) => [
    el("span", {}, el("code", {}, parameter.name),
      parameter.required ? el("span", { class: "required", title: "required" }, " *") : null),
    parameter.in, typeOf(parameter.schema), prose(parameter.description),
  ]);
  return rows.length ? el("div", {}, el("h4", {}, "Parameters"), table(["Name", "In", "Type", "Meaning"], rows)) : null;
}

function operationOf(method, path, operation) {
  const id = operation.operationId || method + path;
  return el("details", { id, "data-operation": method + " " + path },
    el("summary", {}, el("span", { class: "method" }, method.toUpperCase()),
      el("code", { class: "path" }, path), operation.summary || ""),
    el("p", {}, prose(operation.description)),
    parametersOf(operation), bodyOf(operation), answersOf(operation),
    el("h4", {}, "Try it"), el("pre", {}, curl(method, path, operation)));
}

function schemaOf(name, schema) {
  const required = schema.required || [];
  const rows = Object.entries(schema.properties || {}).map(([field, type]) => [
    el("span", {}, el("code", {}, field),
      required.includes(field) ? el("span", { class: "required", title: "required" }, " *") : null),
    typeOf(type), prose(type.description || resolve(type).description),
  ]);
  return el("details", { id: "schema-" + name }, el("summary", {}, el("b", {}, name)),
    el("p", {}, prose(schema.description)), table(["Field", "Type", "Meaning"], rows));
}

/** A link into a closed part opens it. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}

function show() {
  document.title = spec.info.title;
  document.getElementById("title").textContent = spec.info.title + " " + spec.info.version;
  document.getElementById("about").replaceChildren(prose(spec.info.description));
  const index = el("ul", {});
  const main = document.getElementById("operations");
  main.replaceChildren();
  for (const tag of spec.tags || []) {
    main.append(el("h2", {}, tag.name), el("p", {}, prose(tag.description)));
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const method of METHODS.filter((method) => item[method] && (item[method].tags || []).includes(tag.name))) {
        const made = operationOf(method, path, item[method]);
        main.append(made);
        index.append(el("li", {}, el("a", { href: "#" + made.id }, method.toUpperCase() + " " + path)));
      }
    }
  }
  document.getElementById("contents").replaceChildren(index);
  const schemas = Object.entries((spec.components || {}).schemas || {});
  document.getElementById("schemas").replaceChildren(el("h2", {}, "Schemas"),
    ...schemas.map(([name, schema]) => schemaOf(name, schema)));
  addEventListener("hashchange", openTarget);
  openTarget();
}

fetch("/openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error("status " + answer.status))))
  .then((document) => { spec = document; show(); })
  .catch((error) => {
    document.getElementById("operations").replaceChildren(el("p", {}, "The OpenAPI document can't be read: " + error.message));
  });
