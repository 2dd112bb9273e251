import { html, useState } from "../html.js";
import { ALL, QUICK, emojiName } from "../lib/emoji.js";
import { IconButton } from "./IconButton.js";

/** What can be done with a message. */
export function Actions({ message, on, isOwn, mayPin, mayDelete, inThread }) {
  const [isPicking, setPicking] = useState(false);
  const react = (emoji) => {
    setPicking(false);
    on.react(message, emoji, !message.reactions.find((each) => each.emoji === emoji)?.me);
  };
  const button = (emoji) => html`<button key=${emoji} type="button" class="emoji" aria-label=${`React with ${emojiName(emoji)}`} onClick=${() => react(emoji)}>${emoji}</button>`;
  return html`
    <div class="actions" role="group" aria-label="Actions" onClick=${(event) => event.stopPropagation()} onKeyDown=${(event) => event.key === "Escape" && setPicking(false)}>
      ${QUICK.slice(0, 3).map(button)}
      <${IconButton} icon="react" label="More reactions" aria-expanded=${isPicking} onClick=${() => setPicking(!isPicking)} />
      ${on.reply && html`<${IconButton} icon="reply" label="Reply" onClick=${() => on.reply(message)} />`}
      ${!inThread && html`<${IconButton} icon="thread" label="Thread" onClick=${() => on.thread(message)} />`}
      ${mayPin && html`<${IconButton} icon="pin" label=${message.pinned_at ? "Unpin" : "Pin"} onClick=${() => on.pin(message)} />`}
      ${!isOwn && on.unread && html`<${IconButton} icon="unread" label="Mark as unread" onClick=${() => on.unread(message)} />`}
      ${isOwn && on.edit && html`<${IconButton} icon="edit" label="Edit" onClick=${() => on.edit(message)} />`}
      ${(isOwn || mayDelete) && html`<${IconButton} icon="delete" label="Delete" onClick=${() => on.remove(message)} />`}
      ${isPicking && html`<div class="emojis">${ALL.map(button)}</div>`}
    </div>
  `;
}
