import { html, memo } from "../html.js";
import { useChatState } from "../context.js";
import { briefly, inFull } from "../lib/dates.js";
import { nameOf, otherOf } from "../lib/names.js";
import { plainText } from "../lib/text.js";
import { Avatar } from "./Avatar.js";
import { Icon } from "./Icon.js";

/** One conversation of the list. */
export const Row = memo(function Row({ about, me, isOpen, isOnline }) {
  const typing = useChatState((chat) => chat.whoIsTyping(about.id));
  const { last_message: last, unread_count: unread } = about;
  const other = otherOf(about, me);
  const name = nameOf(about, me);
  const at = last?.created_at ?? about.created_at;
  return html`
    <li>
      <a class=${`row${isOpen ? " current" : ""}${unread ? " unread" : ""}`} href=${`#/c/${about.id}`} aria-current=${isOpen ? "page" : undefined}>
        <${Avatar} id=${other?.id ?? about.id} name=${name} address=${other ? other.avatar_url : about.avatar_url} isOnline=${isOnline} />
        <span class="name">${name}${isOnline && html`<span class="unseen">, online</span>`}${about.pinned && html`<${Icon} name="pin" />`}</span>
        <time datetime=${at} title=${inFull(at)}>${briefly(at)}</time>
        <span class="last">${typing.length ? html`<em>typing …</em>` : summary(about, last, me)}</span>
        ${unread > 0 && html`<span class="badge" aria-label=${`${unread} unread`}>${unread > 99 ? "99+" : unread}</span>`}
      </a>
    </li>
  `;
});

function summary(about, last, me) {
  if (!last) return html`<em>No messages yet</em>`;
  if (last.deleted_at) return html`<em>Deleted</em>`;
  if (last.type === "system") return last.message;
  const names = (id) => about.participants.find((each) => each.id === id)?.username ?? "somebody";
  const text = plainText(last.message, names) || `${last.attachments[0]?.name ?? "A file"}`;
  if (last.user_id === me) return `You: ${text}`;
  return about.type === "direct" ? text : `${last.users.username}: ${text}`;
}
