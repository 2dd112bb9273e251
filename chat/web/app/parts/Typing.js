import { html } from "../html.js";
import { useChatState } from "../context.js";
import { listed } from "../lib/names.js";

/** Who is typing. */
export function Typing({ id, names }) {
  const typing = useChatState((chat) => chat.whoIsTyping(id));
  const who = typing.length > 3 ? "Several people" : listed(typing.map(names));
  return html`<p class="typing" role="status">${typing.length > 0 && `${who} ${typing.length > 1 ? "are" : "is"} typing …`}</p>`;
}
