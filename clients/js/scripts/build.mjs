// Builds dist/: chat.js, what every app needs, minified; more.js, stores.js and react.js, which apps load when they use them;
// chat.browser.js with everything in it and socket.io-client, for a page without a bundler.
//   node scripts/build.mjs [--check]     with --check nothing is written; stale files are exit code 1
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const common = { absWorkingDir: root, bundle: true, format: "esm", target: "es2022", write: false, charset: "utf8", legalComments: "none", logLevel: "warning" };
// Names that begin with `_` are the library's own, and only within one file.
const own = { ...common, mangleProps: /^_./ };
const everything = ["chat.js", "more.js", "stores.js"].map((name) => `export * from "./dist/${name}";`).join("\n");

const bundles = {
  "chat.js": { ...own, entryPoints: ["src/index.ts"], external: ["socket.io-client"], minify: true },
  "more.js": { ...own, entryPoints: ["src/more.ts"] },
  "stores.js": { ...own, entryPoints: ["src/stores.ts"] },
  "react.js": { ...own, entryPoints: ["src/react.ts"], external: ["react", "./more.js"] },
  "chat.browser.js": { ...common, stdin: { contents: everything, resolveDir: root }, platform: "browser", minify: true },
};

mkdirSync(`${root}/dist`, { recursive: true });
let stale = false;
for (const [name, options] of Object.entries(bundles)) {
  const { outputFiles } = await build(options);
  const path = `${root}/dist/${name}`;
  if (!check) writeFileSync(path, outputFiles[0].text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== outputFiles[0].text) {
    console.error(`clients/js/dist/${basename(path)} is stale: \`npm run build\` makes it anew.`);
    stale = true;
  }
}

const main = readFileSync(`${root}/dist/chat.js`);
console.log(`dist/chat.js: ${main.length} bytes; compressed by gzip: ${gzipSync(main).length} bytes`);
process.exit(stale ? 1 : 0);
