import { App } from "./parts/App.js";
import { html, render } from "./html.js";
import { applyTheme } from "./lib/theme.js";

applyTheme();
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} how=${root.dataset.signIn} />`, root);
