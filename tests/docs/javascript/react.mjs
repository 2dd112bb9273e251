// Renders the app of docs/examples.md, sends a message by its form, and says how many it shows.
import { parseHTML } from "linkedom";
const { document, window } = parseHTML("<!doctype html><html><body></body></html>");
Object.assign(globalThis, { document, window, navigator: { userAgent: "" } });
const { createElement } = await import("react");
const { createRoot } = await import("react-dom/client");
const { App } = await import("./app.mjs");
const { URL: url, TOKEN: token, ROOM: room } = process.env;
createRoot(document.body).render(createElement(App, { url, token, room }));
const until = async (text) => {
  for (let tries = 0; !document.body.textContent.includes(text); tries++) {
    if (tries > 400) throw new Error(document.body.textContent);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};
await until("ann: Is the kettle on?");
await until("ann: A note");
const form = document.querySelector("form");
form.elements ??= { text: { value: "From React" } };
form.reset ??= () => {};
form.dispatchEvent(new window.Event("submit", { bubbles: true, cancelable: true }));
await until("bob: From React");
console.log(document.querySelectorAll("section > p.sent, section > p.sending").length);
process.exit(0);
