import { html, useState } from "../html.js";
import { useChat } from "../context.js";
import { isAdmin, nameOf, otherOf, roleOf } from "../lib/names.js";
import { attempt, notify } from "../lib/notices.js";
import { go } from "../lib/route.js";
import { BlockButton } from "./BlockButton.js";
import { Confirm } from "./Confirm.js";
import { Invites } from "./Invites.js";
import { Members } from "./Members.js";
import { Panel } from "./Panel.js";

const DAY = 86_400_000;

/** Who is in a conversation, what it is called, and how one wants to have it oneself. */
export function Details({ about, me, onClose }) {
  const chat = useChat();
  const [question, setQuestion] = useState("");
  const isGroup = about.type !== "direct";
  const mayChange = isGroup && isAdmin(about, me);
  const isMuted = about.muted_until !== null && Date.parse(about.muted_until) > Date.now();
  const settings = (change) => attempt(() => chat.updateSettings(about.id, change));

  async function rename(event) {
    event.preventDefault();
    const { name, description, frozen, isPublic } = Object.fromEntries(new FormData(event.target));
    const changes = { name: name.trim(), description: description.trim() || null, frozen: !!frozen, visibility: isPublic ? "public" : "private" };
    await attempt(async () => {
      await chat.updateConversation(about.id, changes);
      notify("Saved.");
    });
  }

  async function part(way) {
    await attempt(() => chat[way](about.id));
    if (!chat.state().conversations[about.id]) go();
  }

  return html`
    <${Panel} title="Members and settings" onClose=${onClose}>
      <div class="details">
        <section aria-label="For you alone">
          <h3>For you alone</h3>
          <label class="check"><input type="checkbox" checked=${about.pinned} onChange=${() => settings({ pinned: !about.pinned })} />Keep at the top of the list</label>
          <label class="check"><input type="checkbox" checked=${isMuted} onChange=${() => settings({ muted_until: isMuted ? null : new Date(Date.now() + 365 * DAY).toISOString() })} />Mute</label>
          <label class="check"><input type="checkbox" checked=${about.archived} onChange=${() => settings({ archived: !about.archived })} />Archive</label>
          <label>Notify of<select value=${about.notifications ?? ""} onChange=${(event) => settings({ notifications: event.target.value || null })}>
            <option value="">as in my profile</option><option value="all">all messages</option><option value="mentions">mentions only</option><option value="none">nothing</option>
          </select></label>
        </section>
        ${mayChange &&
        html`<form onSubmit=${rename}>
          <h3>For everyone</h3>
          <label>Name<input name="name" required maxlength="255" defaultValue=${about.name} autocomplete="off" /></label>
          <label>Description<input name="description" maxlength="1000" defaultValue=${about.description ?? ""} autocomplete="off" /></label>
          <label class="check"><input type="checkbox" name="frozen" defaultChecked=${about.frozen} />Only admins may write</label>
          <label class="check"><input type="checkbox" name="isPublic" defaultChecked=${about.visibility === "public"} />Anyone may find and join it</label>
          <div class="buttons"><button>Save</button></div>
        </form>`}
        <${Members} about=${about} me=${me} />
        ${mayChange && html`<${Invites} about=${about} />`}
        ${!isGroup && otherOf(about, me) && otherOf(about, me).id !== me && html`<${BlockButton} user=${otherOf(about, me)} />`}
        ${isGroup &&
        html`<div class="buttons">
          <button type="button" class="danger" onClick=${() => setQuestion("leave")}>Leave</button>
          ${roleOf(about, me) === "owner" && html`<button type="button" class="danger" onClick=${() => setQuestion("deleteConversation")}>Delete for everyone</button>`}
        </div>`}
      </div>
      ${question &&
      html`<${Confirm} title=${question === "leave" ? `Leave ${nameOf(about, me)}?` : `Delete ${nameOf(about, me)}?`} action=${question === "leave" ? "Leave" : "Delete"}
        text=${question === "leave" ? "You see nothing of it afterwards, until somebody adds you again." : "All its messages are gone for everyone and cannot be brought back."}
        onConfirm=${() => part(question)} onClose=${() => setQuestion("")} />`}
    </${Panel}>
  `;
}
