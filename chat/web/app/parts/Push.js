import { html, useEffect, useState } from "../html.js";
import { useChat } from "../context.js";
import { attempt } from "../lib/notices.js";
import { pushState, turnOff, turnOn } from "../lib/push.js";

const SAID = {
  on: "Messages are shown on this device while the chat is closed.",
  off: "Show messages on this device while the chat is closed.",
  refused: "This browser refuses notifications of this site. Its settings can change that.",
};

/** Notifications on this device. Nothing where the browser or the server has none. */
export function Push() {
  const chat = useChat();
  const [state, setState] = useState("impossible");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => void pushState(chat).then(setState), [chat]);
  if (state === "impossible") return null;

  // The browser asks for permission only in answer to a click, and only then is it asked.
  async function change(turn) {
    setBusy(true);
    const next = await attempt(() => turn(chat));
    setState(next ?? (await pushState(chat)));
    setBusy(false);
  }

  return html`
    <section aria-label="Notifications">
      <h3>Notifications on this device</h3>
      <p class="soft" role="status">${SAID[state]}</p>
      ${state === "off" && html`<button type="button" disabled=${isBusy} onClick=${() => change(turnOn)}>Turn on notifications</button>`}
      ${state === "on" && html`<button type="button" disabled=${isBusy} onClick=${() => change(turnOff)}>Turn off notifications</button>`}
    </section>
  `;
}
