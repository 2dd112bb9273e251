// A store in a file, for devices that are switched off and on again.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

export function fileStore(path) {
  const kept = () => (existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {});
  const write = (values) => writeFileSync(path, JSON.stringify(values));
  return {
    load: async () => kept(),
    save: async (changes) => write({ ...kept(), ...changes }), // JSON leaves out what is undefined
    clear: async () => write({}),
  };
}
