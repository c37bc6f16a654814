"use strict";
// Shows openapi.json and sends trial requests. No library: the page must work on a machine without internet.

const METHODS = ["get", "post", "put", "patch", "delete"];
const byId = (id) => document.getElementById(id);

function node(tag, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children.filter((child) => child !== null));
  return made;
}

// An example of what a schema describes; `seen` stops at schemas that contain themselves.
function example(schema, all, seen = []) {
  if (!schema) return null;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return seen.includes(name) ? {} : example(all[name], all, [...seen, name]);
  }
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const choice = (schema.oneOf || schema.anyOf || schema.allOf || []).find((one) => one.type !== "null");
  if (choice) return example(choice, all, seen);
  const kind = [].concat(schema.type).find((one) => one !== "null");
  if (kind === "object") {
    const fields = Object.entries(schema.properties || {});
    return Object.fromEntries(fields.map(([name, field]) => [name, example(field, all, seen)]));
  }
  if (kind === "array") return [example(schema.items, all, seen)];
  if (kind === "integer" || kind === "number") return schema.minimum ?? 0;
  if (kind === "boolean") return false;
  return { uuid: "00000000-0000-0000-0000-000000000000", "date-time": "2026-01-31T08:00:00Z" }[schema.format] ?? "text";
}

const pretty = (value) => JSON.stringify(value, null, 2);

function parameterRow(parameter) {
  const input = node("input", { name: parameter.name, size: 30 });
  input.dataset.in = parameter.in;
  const note = `${parameter.in}${parameter.required ? ", required" : ""}. ${parameter.description || ""}`;
  return node("tr", {}, node("td", {}, node("label", {}, `${parameter.name} `, input)), node("td", { textContent: note }));
}

async function send(method, path, form, body, output) {
  const query = new URLSearchParams();
  const headers = {};
  let target = path;
  for (const input of form.querySelectorAll("input[data-in]")) {
    const place = input.dataset.in;
    if (place === "path") target = target.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value && place === "query") query.set(input.name, input.value);
    else if (input.value && place === "header") headers[input.name] = input.value;
  }
  const token = byId("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  output.textContent = "…";
  try {
    const answer = await fetch(query.size ? `${target}?${query}` : target, {
      method: method.toUpperCase(), headers, body: body ? body.value : undefined,
    });
    const text = await answer.text();
    let shown = text;
    try { shown = pretty(JSON.parse(text)); } catch { /* not JSON: shown as it is */ }
    output.textContent = `${answer.status} ${answer.statusText}\n${shown}`;
  } catch (error) {
    output.textContent = `No answer: ${error.message}`;
  }
}

function operation(method, path, described, all) {
  const content = described.requestBody?.content?.["application/json"];
  const body = content ? node("textarea", { value: pretty(example(content.schema, all)), ariaLabel: "Request body" }) : null;
  const output = node("pre", { textContent: "(no answer yet)" });
  const parameters = described.parameters || [];
  const rows = Object.entries(described.responses || {}).map(([status, response]) =>
    node("tr", {}, node("td", { textContent: status }), node("td", { textContent: response.description || "" })));
  const form = node("form", {},
    parameters.length ? node("table", {}, ...parameters.map(parameterRow)) : null,
    body,
    node("p", {}, node("button", { textContent: "Send" })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(method, path, form, body, output);
  });
  return node("details", { id: described.operationId },
    node("summary", {},
      node("span", { className: "method", textContent: method.toUpperCase() }),
      node("code", { textContent: path }), ` ${described.summary || ""}`),
    node("div", {},
      node("p", { textContent: described.description || "" }),
      form, output, node("table", {}, ...rows)));
}

function show(document_) {
  byId("about").textContent = `${document_.info.description} Version ${document_.info.version}.`;
  const all = document_.components?.schemas || {};
  const groups = new Map();
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const group = item[method].tags?.[0] || "other";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(operation(method, path, item[method], all));
    }
  }
  for (const [group, operations] of [...groups].sort()) {
    byId("operations").append(node("section", {}, node("h2", { textContent: group }), ...operations));
  }
}

byId("find").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const one of document.querySelectorAll("details")) {
    one.hidden = !one.textContent.toLowerCase().includes(wanted);
  }
});

fetch("openapi.json").then((answer) => answer.json()).then(show).catch((error) => {
  byId("about").textContent = `The document could not be read: ${error.message}`;
});
