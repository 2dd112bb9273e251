import { html, memo } from "../html.js";
import { atTime, inFull } from "../lib/dates.js";
import { plainText, shownText } from "../lib/text.js";
import { Actions } from "./Actions.js";
import { Avatar } from "./Avatar.js";
import { Files } from "./Files.js";
import { Icon } from "./Icon.js";
import { Quote } from "./Quote.js";
import { Reactions } from "./Reactions.js";
import { Tick } from "./Tick.js";

/** One message. Its buttons are there while it has the focus, the mouse or the finger. */
export const Message = memo(function Message(props) {
  const { message, me, names, on, isFirst, isGroup, isActive, isTabStop, isFlashed, onActivate, inThread } = props;
  const { key, id, seq, user_id, users, created_at, thread_id } = message;
  if (message.type === "system") return html`<li class="system" data-key=${key} data-id=${id} data-seq=${seq || undefined}>${message.message}</li>`;
  const isOwn = user_id === me;
  if (thread_id && !inThread) return html`<${ThreadLine} ...${props} isOwn=${isOwn} />`;
  const classes = ["message", isOwn && "own", isFirst && "first", isActive && "active", isFlashed && "flashed"].filter(Boolean).join(" ");
  return html`
    <li class=${classes} data-key=${key} data-id=${id} data-seq=${seq || undefined} onPointerEnter=${(event) => event.pointerType === "mouse" && onActivate(key)}>
      ${isGroup && !isOwn && (isFirst ? html`<${Avatar} id=${user_id} name=${users.username} address=${users.avatar_url} />` : html`<span class="avatar none"></span>`)}
      <article tabindex=${isTabStop ? 0 : -1} aria-label=${label(message, isOwn, names)} onFocus=${() => onActivate(key)} onClick=${() => onActivate(key)}>
        <div class="bubble">
          ${isFirst && isGroup && !isOwn && html`<span class="author">${users.username}</span>`}
          ${message.quote && html`<${Quote} quote=${message.quote} conversationId=${message.conversation_id} names=${names} />`}
          ${message.deleted_at
            ? html`<p class="gone">This message was deleted.</p>`
            : html`${message.message && html`<p class="text" dir="auto">${shownText(message.message, names, me)}</p>`}<${Files} files=${message.attachments} />`}
          <span class="meta">
            ${message.pinned_at && html`<span title="Pinned"><${Icon} name="pin" /><span class="unseen">Pinned</span></span>`}
            ${message.edited_at && html`<button type="button" class="edited" title=${inFull(message.edited_at)} onClick=${(event) => (event.stopPropagation(), on.history(message))}>edited</button>`}
            <time datetime=${created_at} title=${inFull(created_at)}>${atTime(created_at)}</time>
            <${Tick} state=${props.tick} />
          </span>
        </div>
        ${message.status === "failed" && html`<${Failed} message=${message} on=${on} />`}
        <${Reactions} message=${message} names=${names} me=${me} onReact=${on.react} />
        ${message.reply_count > 0 &&
        !inThread &&
        html`<button type="button" class="replies" onClick=${() => on.thread(message)}><${Icon} name="thread" />${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}</button>`}
        ${isActive && message.status === "sent" && !message.deleted_at && html`<${Actions} ...${props} isOwn=${isOwn} />`}
      </article>
    </li>
  `;
});

/** A reply of a thread, where it was written: a line that leads to the thread. */
function ThreadLine({ message, names, on, isOwn, isTabStop, onActivate }) {
  const { key, id, seq, users, deleted_at } = message;
  const text = deleted_at ? "deleted" : plainText(message.message, names) || "a file";
  return html`
    <li class="thread-line" data-key=${key} data-id=${id} data-seq=${seq || undefined}>
      <article tabindex=${isTabStop ? 0 : -1} aria-label=${`${users.username} in a thread: ${text}`} onFocus=${() => onActivate(key)}>
        <button type="button" onClick=${() => on.thread(message)}>
          <${Icon} name="thread" /><strong>${isOwn ? "You" : users.username}</strong> in a thread: <span>${text}</span>
        </button>
      </article>
    </li>
  `;
}

const Failed = ({ message, on }) => html`
  <p class="failed" role="alert">
    Not sent: ${message.error?.detail ?? "the server refused it."}
    <button type="button" onClick=${() => on.retry(message)}>Try again</button>
    <button type="button" onClick=${() => on.discard(message)}>Discard</button>
  </p>
`;

function label(message, isOwn, names) {
  const who = isOwn ? "You" : message.users.username;
  const files = message.attachments.length ? ` ${message.attachments.map((each) => each.name).join(", ")}` : "";
  const quote = message.quote ? `, answering ${message.quote.users.username}` : "";
  const text = message.deleted_at ? "deleted" : plainText(message.message, names) + files;
  return `${who}, ${atTime(message.created_at)}${quote}: ${text}`;
}
