import { html, useEffect } from "../html.js";
import { useChat, useChatState } from "../context.js";
import { briefly } from "../lib/dates.js";
import { nameOf, otherOf } from "../lib/names.js";
import { go } from "../lib/route.js";
import { Avatar } from "./Avatar.js";
import { IconButton } from "./IconButton.js";

/** Whose conversation it is, who is there, and the ways to its panels. */
export function ConversationHead({ about, me, panel, onPanel }) {
  const chat = useChat();
  const other = otherOf(about, me);
  const presence = useChatState((each) => each.state().presence[other?.id]);
  useEffect(() => (other ? chat.watchPresence([other.id]) : undefined), [chat, other?.id]);
  const name = nameOf(about, me);

  function state() {
    if (!other) return `${about.member_count} member${about.member_count === 1 ? "" : "s"}${about.description ? ` · ${about.description}` : ""}`;
    if (presence?.online) return "online";
    return presence?.last_seen_at ? `last seen ${briefly(presence.last_seen_at)}` : "";
  }

  return html`
    <header class="head">
      <${IconButton} icon="back" label="Back to the list" class="icon-button back" onClick=${() => go()} />
      <${Avatar} id=${other?.id ?? about.id} name=${name} address=${other ? other.avatar_url : about.avatar_url} isOnline=${presence?.online} />
      <div class="who"><h2>${name}</h2><p class="soft">${state()}</p></div>
      <${IconButton} icon="pin" label="Pinned messages" aria-expanded=${panel === "pins"} onClick=${() => onPanel("pins")} />
      <${IconButton} icon="info" label="Members and settings" aria-expanded=${panel === "details"} onClick=${() => onPanel("details")} />
    </header>
  `;
}
