import { html } from "../html.js";
import { listed } from "../lib/names.js";

/** Who reacted with what; a click joins in, or takes it back. */
export function Reactions({ message, names, me, onReact }) {
  if (!message.reactions.length) return null;
  const who = ({ user_ids, count }) => listed([...user_ids.map((id) => (id === me ? "you" : names(id))), ...(count > user_ids.length ? [`${count - user_ids.length} more`] : [])]);
  return html`
    <div class="reactions">
      ${message.reactions.map(
        (each) => html`<button key=${each.emoji} type="button" aria-pressed=${!!each.me} title=${who(each)}
          aria-label=${`${each.emoji} ${each.count}: ${who(each)}`} onClick=${() => onReact(message, each.emoji, !each.me)}>${each.emoji} ${each.count}</button>`,
      )}
    </div>
  `;
}
