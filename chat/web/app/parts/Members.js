import { html, useEffect, useState } from "../html.js";
import { useChat, useChatState } from "../context.js";
import { isAdmin, roleOf } from "../lib/names.js";
import { attempt } from "../lib/notices.js";
import { Avatar } from "./Avatar.js";
import { Dialog } from "./Dialog.js";
import { IconButton } from "./IconButton.js";
import { PeoplePicker } from "./PeoplePicker.js";

/** The members, their roles, and the ways to change both. */
export function Members({ about, me }) {
  const chat = useChat();
  const presence = useChatState((each) => each.state().presence);
  const [isAdding, setAdding] = useState(false);
  const ids = about.participants.map((each) => each.id).filter((id) => id !== me).join(" ");
  useEffect(() => (ids ? chat.watchPresence(ids.split(" ")) : undefined), [chat, ids]);
  const isGroup = about.type !== "direct";
  const role = roleOf(about, me);
  const mayRemove = (member) => isGroup && member.id !== me && (role === "owner" || (role === "admin" && member.role === "member"));

  return html`
    <section aria-label="Members">
      <h3>${about.member_count} ${about.member_count === 1 ? "member" : "members"}</h3>
      <ul class="members">
        ${about.participants.map(
          (member) => html`<li key=${member.id} class="row">
            <${Avatar} id=${member.id} name=${member.username} address=${member.avatar_url} isOnline=${presence[member.id]?.online} />
            <span class="name">${member.username}${member.id === me && " (you)"}</span>
            ${isGroup && role === "owner" && member.id !== me
              ? html`<select aria-label=${`Role of ${member.username}`} value=${member.role} onChange=${(event) => attempt(() => chat.setRole(about.id, member.id, event.target.value))}>
                  ${["member", "admin", "owner"].map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
                </select>`
              : isGroup && html`<span class="soft">${member.role}</span>`}
            ${mayRemove(member) && html`<${IconButton} icon="close" label=${`Remove ${member.username}`} onClick=${() => attempt(() => chat.removeMember(about.id, member.id))} />`}
          </li>`,
        )}
      </ul>
      ${about.member_count > about.participants.length && html`<p class="soft">… and ${about.member_count - about.participants.length} more.</p>`}
      ${isGroup && isAdmin(about, me) && html`<button type="button" onClick=${() => setAdding(true)}>Add people</button>`}
      ${isAdding && html`<${Add} about=${about} onClose=${() => setAdding(false)} />`}
    </section>
  `;
}

function Add({ about, onClose }) {
  const chat = useChat();
  const [picked, setPicked] = useState([]);
  async function submit(event) {
    event.preventDefault();
    await attempt(() => chat.addMembers(about.id, picked.map((each) => each.id)));
    onClose();
  }
  return html`
    <${Dialog} title="Add people" onClose=${onClose}>
      <form onSubmit=${submit}>
        <${PeoplePicker} label="People" picked=${picked} onChange=${setPicked} without=${about.participants.map((each) => each.id)} />
        <div class="buttons"><button class="primary" disabled=${!picked.length}>Add</button></div>
      </form>
    </${Dialog}>
  `;
}
