// Builds dist/: chat.js and react.js for bundlers, chat.browser.js with everything in it for a page without one.
//   node scripts/build.mjs [--check]     with --check nothing is written; stale files are exit code 1
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const common = { absWorkingDir: root, bundle: true, format: "esm", target: "es2022", write: false, charset: "utf8", legalComments: "none", logLevel: "warning" };

const bundles = {
  "chat.js": { entryPoints: ["src/index.ts"], external: ["socket.io-client"], minify: false },
  "react.js": { entryPoints: ["src/react.ts"], external: ["react"], minify: false },
  "chat.browser.js": { entryPoints: ["src/index.ts"], platform: "browser", minify: true },
};

mkdirSync(`${root}/dist`, { recursive: true });
let stale = false;
for (const [name, options] of Object.entries(bundles)) {
  const { outputFiles } = await build({ ...common, ...options });
  const path = `${root}/dist/${name}`;
  if (!check) writeFileSync(path, outputFiles[0].text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== outputFiles[0].text) {
    console.error(`clients/js/dist/${basename(path)} is stale: \`npm run build\` makes it anew.`);
    stale = true;
  }
}

const { outputFiles } = await build({ ...common, ...bundles["chat.js"], minify: true });
const { contents } = outputFiles[0];
console.log(`library alone, minified: ${contents.length} bytes; compressed by gzip: ${gzipSync(contents).length} bytes`);
process.exit(stale ? 1 : 0);
