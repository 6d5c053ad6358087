// Elements of the page, and forms made of JSON Schemas. Texts are set with `textContent` only.

let count = 0;

/** Return an element with attributes, event handlers such as `onclick`, and children: elements or texts. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== undefined && child !== null) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Return a schema with its references within the document resolved. */
function resolve(schema, root) {
  let found = schema;
  for (let depth = 0; depth < 16 && typeof found?.$ref === "string" && found.$ref.startsWith("#/"); depth += 1) {
    const keys = found.$ref.slice(2).split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const target = keys.reduce((value, key) => value?.[key], root);
    found = { ...target, ...Object.fromEntries(Object.entries(found).filter(([key]) => key !== "$ref")) };
  }
  return found && typeof found === "object" ? found : {};
}

/** Return the schema of a value that is not null. */
function present(schema, root) {
  const one = resolve(schema, root);
  const parts = one.anyOf || one.oneOf;
  if (Array.isArray(parts)) {
    const rest = parts.map((part) => resolve(part, root)).filter((part) => part.type !== "null");
    if (rest.length === 1 && rest.length < parts.length) return { ...rest[0], ...one, anyOf: undefined, oneOf: undefined };
  }
  return one;
}

function choicesOf(schema) {
  if (Array.isArray(schema.enum)) {
    return schema.enum.map((value, index) => [value, String(schema.enumNames?.[index] ?? value)]);
  }
  if ("const" in schema) return [[schema.const, String(schema.const)]];
  const parts = schema.oneOf || schema.anyOf;
  if (Array.isArray(parts) && parts.length && parts.every((part) => part && "const" in part)) {
    return parts.map((part) => [part.const, String(part.title ?? part.const)]);
  }
  return null;
}

/**
 * Return a form for an object: `element`, and `values()`, which throws an error after it has marked mistakes.
 *
 * @param {object} schema
 * @param {function} complete Gets the name and value of a field and returns proposals; undefined for none.
 */
export function objectForm(schema, complete) {
  const required = new Set(schema?.required || []);
  const fields = Object.entries(schema?.properties || {}).map(([name, member]) =>
    field(name, present(member, schema), required.has(name), schema, complete),
  );
  const element = el("div", { class: "fields" }, fields.map((one) => one.element));
  const values = () => {
    const found = {};
    let isValid = true;
    for (const one of fields) {
      try {
        const value = one.value();
        if (value !== undefined) found[one.name] = value;
        one.mark("");
      } catch (error) {
        one.mark(error.message);
        if (isValid) one.control.focus();
        isValid = false;
      }
    }
    if (!isValid) throw new Error("some values are not valid");
    return found;
  };
  const texts = () => Object.fromEntries(fields.map((one) => [one.name, one.control.value]).filter(([, text]) => text));
  return { element, values, texts, isEmpty: fields.length === 0 };
}

function field(name, schema, isRequired, root, complete) {
  count += 1;
  const id = `field-${count}`;
  const choices = choicesOf(schema);
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  const items = type === "array" ? choicesOf(resolve(schema.items, root)) : null;
  let control;
  let read;
  const common = { id, "aria-describedby": `${id}-about ${id}-problem`, "aria-required": isRequired };
  if (choices || type === "boolean") {
    const options = choices || [[true, "true"], [false, "false"]];
    control = el(
      "select",
      common,
      el("option", { value: "" }, isRequired ? "choose" : "not given"),
      options.map(([, title], index) => el("option", { value: index }, title)),
    );
    const at = options.findIndex(([value]) => value === schema.default);
    if (at >= 0) control.value = String(at);
    read = (text) => options[Number(text)][0];
  } else if (items) {
    control = el("select", { ...common, multiple: true }, items.map(([, title], index) => el("option", { value: index }, title)));
    read = () => [...control.selectedOptions].map((option) => items[Number(option.value)][0]);
  } else if (type === "integer" || type === "number") {
    control = el("input", { ...common, type: "number", step: type === "integer" ? 1 : "any", min: schema.minimum, max: schema.maximum });
    read = (text) => {
      const value = Number(text);
      if (Number.isNaN(value)) throw new Error("a number is expected");
      if (type === "integer" && !Number.isInteger(value)) throw new Error("an integer is expected");
      return value;
    };
  } else if (type === "string") {
    control = complete || !(schema.maxLength === undefined || schema.maxLength > 100)
      ? el("input", { ...common, type: "text", autocomplete: "off" })
      : el("textarea", { ...common, rows: 1, spellcheck: "false" });
    read = (text) => text;
  } else {
    control = el("textarea", { ...common, spellcheck: "false", placeholder: type === "array" ? "[ ]" : type === "object" ? "{ }" : "JSON" });
    read = (text) => {
      try {
        return JSON.parse(text);
      } catch {
        if (type === undefined) return text;
        throw new Error(`JSON of an ${type} is expected`);
      }
    };
  }
  const simple = ["string", "number"].includes(typeof schema.default) && !choices;
  if (simple && control.tagName !== "SELECT") control.value = String(schema.default);
  else if (schema.default !== undefined && control.tagName === "TEXTAREA") control.value = JSON.stringify(schema.default);
  const problem = el("p", { class: "problem", id: `${id}-problem` });
  const about = [schema.description, choices ? "" : `${type || "any JSON"}${isRequired ? ", required" : ""}`].filter(Boolean);
  const element = el(
    "div",
    { class: "field" },
    el("label", { for: id }, schema.title || name, isRequired ? " *" : ""),
    control,
    el("small", { id: `${id}-about` }, about.join(" · ")),
    problem,
  );
  if (complete) addProposals(control, element, id, name, complete);
  return {
    name,
    control,
    element,
    mark(text) {
      problem.textContent = text;
      control.setAttribute("aria-invalid", text ? "true" : "false");
    },
    value() {
      if (items) {
        const chosen = read();
        return chosen.length || isRequired ? chosen : undefined;
      }
      if (control.value === "") {
        if (control.validity?.badInput) throw new Error("a number is expected");
        if (!isRequired) return undefined;
        if (type === "string" && !choices) return "";
        throw new Error("a value is required");
      }
      return read(control.value);
    },
  };
}

function addProposals(control, element, id, name, complete) {
  const list = el("datalist", { id: `${id}-list` });
  control.setAttribute("list", list.id);
  element.append(list);
  let timer;
  const update = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const values = await complete(name, control.value).catch(() => []);
      list.replaceChildren(...values.map((value) => el("option", { value })));
    }, 120);
  };
  control.addEventListener("input", update);
  control.addEventListener("focus", update);
}

/** Return a value as a literal of Python. */
export function python(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return [...JSON.stringify(value)].map(escaped).join("");
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  return `{${Object.entries(value).map(([key, one]) => `${python(key)}: ${python(one)}`).join(", ")}}`;
}

function escaped(character) {
  const point = character.codePointAt(0);
  if (point < 0x7f) return character;
  const digits = point.toString(16);
  return point > 0xffff ? `\\U${digits.padStart(8, "0")}` : `\\u${digits.padStart(4, "0")}`;
}
