import { html, useEffect, useState } from "../html.js";
import { useChat } from "../context.js";
import { inFull } from "../lib/dates.js";
import { attempt } from "../lib/notices.js";
import { plainText } from "../lib/text.js";
import { Dialog } from "./Dialog.js";

/** What a message said before it was edited, the first text first. */
export function History({ message, names, onClose }) {
  const chat = useChat();
  const [texts, setTexts] = useState(null);
  useEffect(() => void attempt(() => chat.request("GET", `/messages/${message.id}/history`)).then((answer) => (answer ? setTexts(answer.body) : onClose())), []);
  return html`
    <${Dialog} title="Earlier texts" onClose=${onClose}>
      ${!texts && html`<p class="soft">Loading …</p>`}
      <ol class="versions">
        ${(texts ?? []).map((each) => html`<li key=${each.version}><time class="soft small" datetime=${each.edited_at}>${inFull(each.edited_at)}</time><p dir="auto">${plainText(each.message, names)}</p></li>`)}
        ${texts && html`<li><span class="soft small">Now</span><p dir="auto">${plainText(message.message, names)}</p></li>`}
      </ol>
    </${Dialog}>
  `;
}
