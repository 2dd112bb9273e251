import { html, useEffect, useState } from "../html.js";
import { useChat, useChatState, useMe } from "../context.js";
import { otherOf } from "../lib/names.js";
import { switchTheme, theme } from "../lib/theme.js";
import { Avatar } from "./Avatar.js";
import { Confirm } from "./Confirm.js";
import { IconButton } from "./IconButton.js";
import { NewGroup } from "./NewGroup.js";
import { Profile } from "./Profile.js";
import { Results } from "./Results.js";
import { Row } from "./Row.js";

/** Who one is, the search, and the conversations. */
export function Sidebar({ openId, onSignOut }) {
  const me = useMe();
  const [text, setText] = useState("");
  const [look, setLook] = useState(theme);
  const [dialog, setDialog] = useState("");
  const other = look === "dark" ? "light" : "dark";

  return html`
    <nav class="sidebar" aria-label="Conversations">
      <header>
        <h1><button type="button" class="self" title="Your profile" disabled=${!me.id} onClick=${() => setDialog("profile")}>
          <${Avatar} id=${me.id} name=${me.username} address=${me.avatar_url} /><span>${me.username || "Chat"}</span>
        </button></h1>
        <${IconButton} icon=${other} label=${`Switch to ${other} colours`} onClick=${() => setLook(switchTheme())} />
        <${IconButton} icon="group" label="New group" onClick=${() => setDialog("group")} />
        <${IconButton} icon="leave" label="Sign out" onClick=${() => setDialog("out")} />
      </header>
      <div class="find">
        <input type="search" value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${(event) => event.key === "Escape" && setText("")}
          placeholder="Search people and messages" aria-label="Search people and messages" />
      </div>
      ${text.trim() ? html`<${Results} text=${text.trim()} onDone=${() => setText("")} />` : html`<${List} openId=${openId} me=${me} />`}
      ${dialog === "group" && html`<${NewGroup} onClose=${() => setDialog("")} />`}
      ${dialog === "profile" && html`<${Profile} onClose=${() => setDialog("")} />`}
      ${dialog === "out" &&
      html`<${Confirm} title="Sign out?" action="Sign out" onConfirm=${onSignOut} onClose=${() => setDialog("")}
        text="This browser forgets your messages, and those that are not sent yet. Others still see what you have sent." />`}
    </nav>
  `;
}

function List({ openId, me }) {
  const chat = useChat();
  const [isArchive, setArchive] = useState(false);
  const conversations = useChatState((each) => each.conversations({ archived: isArchive }));
  const hasArchived = useChatState((each) => each.conversations({ archived: true }).length > 0);
  const presence = useChatState((each) => each.state().presence);
  const isLoading = useChatState(({ state }) => state().status !== "live" && !Object.keys(state().conversations).length);
  const others = conversations.map((each) => otherOf(each, me.id)?.id).filter(Boolean).join(" ");
  useEffect(() => (others ? chat.watchPresence(others.split(" ")) : undefined), [chat, others]);

  return html`
    ${(hasArchived || isArchive) &&
    html`<button type="button" class="plain" onClick=${() => setArchive(!isArchive)}>${isArchive ? "← All conversations" : "Archived conversations"}</button>`}
    <ul class="conversations">
      ${conversations.map(
        (each) => html`<${Row} key=${each.id} about=${each} me=${me.id} isOpen=${each.id === openId} isOnline=${!!presence[otherOf(each, me.id)?.id]?.online} />`,
      )}
    </ul>
    ${!conversations.length &&
    html`<p class="soft hint">${isLoading ? "Loading …" : isArchive ? "Nothing is archived." : "No conversations yet. Search for somebody, or make a group."}</p>`}
  `;
}
