import { html, useEffect, useState } from "../html.js";
import { useChat, useMe } from "../context.js";
import { attempt, notify } from "../lib/notices.js";
import { Avatar } from "./Avatar.js";
import { Dialog } from "./Dialog.js";
import { Push } from "./Push.js";

/** Who one is to others, what one lets them see, what notifies, and who is blocked. */
export function Profile({ onClose }) {
  const chat = useChat();
  const me = useMe();
  const [profile, setProfile] = useState(null);
  useEffect(() => void attempt(() => chat.request("GET", `/users/${me.id}`)).then((answer) => (answer ? setProfile(answer.body) : onClose())), []);

  async function save(event) {
    event.preventDefault();
    const { username, about, avatar_url, notifications, share_receipts, share_presence } = Object.fromEntries(new FormData(event.target));
    const body = {
      username: username.trim(), about: about.trim() || null, avatar_url: avatar_url.trim() || null, notifications,
      share_receipts: !!share_receipts, share_presence: !!share_presence,
    };
    const answer = await attempt(() => chat.request("PATCH", `/users/${me.id}`, { body }));
    if (!answer) return;
    chat.dispatch({ type: "event", name: "userUpdated", data: answer.body, at: Date.now() });
    notify("Saved.");
    onClose();
  }

  return html`
    <${Dialog} title="You" onClose=${onClose}>
      ${!profile && html`<p class="soft">Loading …</p>`}
      ${profile &&
      html`<form onSubmit=${save}>
          <label>Name<input name="username" required maxlength="255" defaultValue=${profile.username} autocomplete="off" /></label>
          <label>About you<input name="about" maxlength="500" defaultValue=${profile.about ?? ""} placeholder="In the garden until noon" autocomplete="off" /></label>
          <label>Picture<input name="avatar_url" type="url" pattern="https://.*" maxlength="2000" defaultValue=${profile.avatar_url ?? ""} placeholder="https://…" autocomplete="off" title="An address that begins with https://" /></label>
          <label>Notify of<select name="notifications" defaultValue=${profile.notifications}>
            <option value="all" selected=${profile.notifications === "all"}>all messages</option>
            <option value="mentions" selected=${profile.notifications === "mentions"}>mentions only</option>
            <option value="none" selected=${profile.notifications === "none"}>nothing</option>
          </select></label>
          <label class="check"><input type="checkbox" name="share_receipts" defaultChecked=${profile.share_receipts} />Show what I have read, and see it of others</label>
          <label class="check"><input type="checkbox" name="share_presence" defaultChecked=${profile.share_presence} />Show when I am online, and see it of others</label>
          <div class="buttons"><button class="primary">Save</button></div>
        </form>
        <${Push} />
        <${Blocked} />`}
    </${Dialog}>
  `;
}

function Blocked() {
  const chat = useChat();
  const [blocks, setBlocks] = useState([]);
  useEffect(() => void attempt(() => chat.request("GET", "/blocks")).then((answer) => answer && setBlocks(answer.body)), []);
  async function unblock({ user }) {
    if (await attempt(() => chat.request("DELETE", `/users/${user.id}/block`))) setBlocks(blocks.filter((each) => each.user.id !== user.id));
  }
  return html`
    <section aria-label="Blocked people">
      <h3>Blocked people</h3>
      ${!blocks.length && html`<p class="soft">Nobody. A person can be blocked in the settings of the conversation with them.</p>`}
      <ul class="listed">
        ${blocks.map(
          (each) => html`<li key=${each.user.id}>
            <${Avatar} id=${each.user.id} name=${each.user.username} address=${each.user.avatar_url} /><span class="name">${each.user.username}</span>
            <button type="button" aria-label=${`Unblock ${each.user.username}`} onClick=${() => unblock(each)}>Unblock</button>
          </li>`,
        )}
      </ul>
    </section>
  `;
}
