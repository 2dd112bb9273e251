// Shows asyncapi.json: what clients send, what they hear, with fields, examples and errors.

const make = (tag, content = [], attributes = {}) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...[content].flat());
  return element;
};

/** Text in which `code` is marked. */
const prose = (text) =>
  text.split(/`([^`]+)`/).map((part, place) => (place % 2 ? make("code", part) : part));

const lookup = (all, reference) =>
  reference.slice(2).split("/").reduce((found, name) => found[name.replaceAll("~1", "/")], all);

const resolve = (all, value) => {
  while (value?.$ref) value = lookup(all, value.$ref);
  return value;
};

/** What a JSON Schema asks for, in a few words. */
const typeOf = (all, schema) => {
  const name = schema.$ref?.split("/").pop();
  schema = resolve(all, schema);
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) return variants.map((each) => typeOf(all, each)).join(" or ");
  if (schema.allOf) return name ?? typeOf(all, schema.allOf[0]);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  const types = [schema.type ?? "anything"].flat();
  if (types.includes("array") && schema.items) return `array of ${typeOf(all, schema.items)}`;
  if (types.includes("object") && name) return types.length > 1 ? `${name} or null` : name;
  return types.join(" or ") + (schema.format ? ` (${schema.format})` : "");
};

const fieldsOf = (all, schema) => {
  schema = resolve(all, schema) ?? {};
  const parts = (schema.allOf ?? []).map((each) => fieldsOf(all, each));
  return {
    properties: Object.assign({}, ...parts.map((each) => each.properties), schema.properties),
    required: [...parts.flatMap((each) => each.required), ...(schema.required ?? [])],
  };
};

const table = (all, schema) => {
  const { properties, required } = fieldsOf(all, schema);
  const rows = Object.entries(properties).map(([name, field]) => {
    const described = field.description ?? resolve(all, field).description ?? "";
    const title = [make("code", name), required.includes(name) ? "" : make("small", " optional")];
    return make("tr", [make("td", title), make("td", typeOf(all, field)), make("td", prose(described))]);
  });
  return rows.length ? [make("table", make("tbody", rows))] : [];
};

const example = (value) => make("pre", make("code", JSON.stringify(value, null, 2)));

const errorsOf = (examples) => examples.map(({ payload }) => payload?.error?.code ?? payload?.data?.code).filter(Boolean);

const show = (all, key, operation) => {
  const message = resolve(all, resolve(all, operation.messages[0]));
  const [sent] = message.examples ?? [];
  const parts = [
    make("h3", make("a", message.name ?? key, { href: `#${key}` })),
    make("p", prose(operation.summary)),
    ...(operation.description ? [make("p", prose(operation.description), { class: "soft" })] : []),
    ...table(all, message.payload),
    ...(sent ? [example(sent.payload)] : []),
  ];
  if (operation.reply) {
    const reply = resolve(all, resolve(all, operation.reply.messages[0]));
    const [first, ...others] = reply.examples ?? [];
    parts.push(make("h4", "Answered with"));
    if (first) parts.push(example(first.payload));
    const codes = [...new Set(errorsOf(others))].flatMap((code) => [make("code", code), " "]);
    if (codes.length) parts.push(make("p", ["or an error: ", ...codes], { class: "soft" }));
  }
  return make("section", parts, { id: key });
};

const render = (all) => {
  const operations = Object.entries(all.operations);
  const group = (action, title, text) => {
    const shown = operations.filter(([, operation]) => operation.action === action);
    const links = shown.map(([key, operation]) => {
      const { name } = resolve(all, resolve(all, operation.messages[0]));
      return make("li", make("a", make("code", name ?? key), { href: `#${key}` }));
    });
    return [make("h2", title), make("p", text), make("ul", links, { class: "index" }), ...shown.map((each) => show(all, ...each))];
  };
  document.querySelector("#events").replaceChildren(
    make("h1", `${all.info.title}: events`),
    ...all.info.description.split("\n\n").map((text) => make("p", prose(text))),
    ...group("receive", "What clients send", "Each may ask for an acknowledgement."),
    ...group("send", "What clients hear", "To every session that should know, at once."),
  );
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
};

fetch("../asyncapi.json")
  .then((response) => response.json())
  .then(render)
  .catch((error) => document.querySelector("#events").replaceChildren(make("p", `asyncapi.json cannot be shown: ${error}`)));
