import { html, useEffect, useState } from "../html.js";
import { useChat } from "../context.js";
import { inFull } from "../lib/dates.js";
import { attempt, notify } from "../lib/notices.js";
import { plainText } from "../lib/text.js";
import { Dialog } from "./Dialog.js";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

// As `datetime-local` has it: the reader's own time.
const local = (time) => new Date(time - new Date(time).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);

/** Send what is written at a time one chooses; and what waits for its time in this conversation. */
export function Later({ about, names, message, onSent, onClose }) {
  const chat = useChat();
  const [waiting, setWaiting] = useState(null);
  const [earliest] = useState(() => Date.now() + MINUTE);
  useEffect(() => void load(), []);

  async function load() {
    const answer = await attempt(() => chat.request("GET", "/scheduled"));
    setWaiting((answer?.body ?? []).filter((each) => each.conversation_id === about.id));
  }

  async function send(event) {
    event.preventDefault();
    const send_at = new Date(new FormData(event.target).get("at")).toISOString();
    const answer = await attempt(() => chat.request("POST", `/conversations/${about.id}/messages/create`, { body: { ...message, send_at } }));
    if (!answer) return;
    notify(`It will be sent on ${inFull(send_at)}.`);
    onSent();
    onClose();
  }

  async function cancel(each) {
    if (await attempt(() => chat.request("DELETE", `/scheduled/${each.id}`))) setWaiting(waiting.filter(({ id }) => id !== each.id));
  }

  return html`
    <${Dialog} title="Send later" onClose=${onClose}>
      ${message
        ? html`<form onSubmit=${send}>
            <p class="excerpt">${plainText(message.message ?? "", names) || "A file"}</p>
            <label>When<input name="at" type="datetime-local" required min=${local(earliest)} max=${local(earliest + 365 * DAY)} defaultValue=${local(earliest + 60 * MINUTE)} /></label>
            <div class="buttons"><button class="primary">Schedule</button></div>
          </form>`
        : html`<p class="soft">Write something first, then choose when it is sent.</p>`}
      <section aria-label="Scheduled messages">
        <h3>Scheduled here</h3>
        ${waiting?.length === 0 && html`<p class="soft">Nothing waits for its time.</p>`}
        <ul class="listed">
          ${(waiting ?? []).map(
            (each) => html`<li key=${each.id}>
              <span class="name">${plainText(each.message, names) || "A file"}
                <small class="soft">${each.failed ? "could not be sent" : html`<time datetime=${each.send_at}>${inFull(each.send_at)}</time>`}</small></span>
              <button type="button" aria-label=${`Cancel: ${plainText(each.message, names)}`} onClick=${() => cancel(each)}>Cancel</button>
            </li>`,
          )}
        </ul>
      </section>
    </${Dialog}>
  `;
}
