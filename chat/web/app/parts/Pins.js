import { html, useEffect, useState } from "../html.js";
import { useChat } from "../context.js";
import { briefly } from "../lib/dates.js";
import { lookFor } from "../lib/jump.js";
import { attempt } from "../lib/notices.js";
import { plainText } from "../lib/text.js";
import { Panel } from "./Panel.js";

/** The pinned messages of a conversation. */
export function Pins({ about, names, onClose }) {
  const chat = useChat();
  const [pins, setPins] = useState(null);
  useEffect(() => {
    let isCurrent = true;
    attempt(() => chat.request("GET", `/conversations/${about.id}/pins`)).then((answer) => isCurrent && setPins(answer?.body ?? []));
    return () => (isCurrent = false);
  }, [chat, about.version]);
  return html`
    <${Panel} title="Pinned messages" onClose=${onClose}>
      <ul class="pins">
        ${(pins ?? []).map(
          (pin) => html`<li key=${pin.id}>
            <button type="button" class="row hit" onClick=${() => lookFor(about.id, pin)}>
              <span class="name">${pin.users.username}</span><time datetime=${pin.created_at}>${briefly(pin.created_at)}</time>
              <span class="last">${plainText(pin.message, names) || "A file"}</span>
            </button>
          </li>`,
        )}
      </ul>
      ${pins?.length === 0 && html`<p class="soft hint">Nothing is pinned. A message has a pin among its buttons.</p>`}
    </${Panel}>
  `;
}
