// Writes src/schema.ts, the types of everything on the wire, from the documents that the server answers with:
//   node scripts/types.mjs openapi.json asyncapi.json [--check]
// `make client` makes the documents and calls this. With --check nothing is written; a stale file is exit code 1.
import { readFileSync, writeFileSync } from "node:fs";

const [openapi, asyncapi, option] = process.argv.slice(2);
const target = new URL("../src/schema.ts", import.meta.url);
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

/** The TypeScript type of a JSON Schema. */
function type(schema) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(type).join(" | ");
  if (schema.allOf) return schema.allOf.map(type).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((each) => type({ ...schema, type: each })).join(" | ");
  switch (schema.type) {
    case "object":
      if (schema.properties) return `{ ${fields(schema).join(" ")} }`;
      return `Record<string, ${schema.additionalProperties?.type || schema.additionalProperties?.$ref ? type(schema.additionalProperties) : "unknown"}>`;
    case "array":
      return `Array<${type(schema.items ?? {})}>`;
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      return "unknown";
  }
}

function fields(schema) {
  const needed = new Set(schema.required);
  return Object.entries(schema.properties).flatMap(([name, field]) => [
    ...(field.description ? [`/** ${field.description.replaceAll("*/", "*\\/")} */`] : []),
    `${/^\w+$/.test(name) ? name : JSON.stringify(name)}${needed.has(name) ? "" : "?"}: ${type(field)};`,
  ]);
}

function declaration([name, schema]) {
  if (!schema.properties) return `export type ${name} = ${type(schema)};`;
  return `export interface ${name} {\n${fields(schema).map((line) => `  ${line}\n`).join("")}}`;
}

const [http, socket] = [read(openapi), read(asyncapi)];
const schemas = { ...socket.components.schemas, ...http.components.schemas };
const events = Object.entries(socket.components.messages)
  .filter(([key]) => key.startsWith("server."))
  .map(([, message]) => `  /** ${message.summary} */\n  ${message.name}: ${type(message.payload)};\n`);
const text = [
  "// Made from /openapi.json and /asyncapi.json by scripts/types.mjs (`make client`); do not edit.",
  ...Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)).map(declaration),
  `/** What the server sends, by the name of the event. */\nexport interface ServerEvents {\n${events.sort().join("")}}`,
].join("\n\n");

if (option !== "--check") writeFileSync(target, `${text}\n`);
else if (readFileSync(target, "utf8") !== `${text}\n`) {
  console.error("clients/js/src/schema.ts is stale: `make client` makes it anew.");
  process.exit(1);
}
