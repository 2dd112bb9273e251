import { html, useEffect, useState } from "../html.js";
import { useChat } from "../context.js";
import { attempt, notify } from "../lib/notices.js";
import { Confirm } from "./Confirm.js";

/** Block somebody, or no longer. */
export function BlockButton({ user }) {
  const chat = useChat();
  const [isBlocked, setBlocked] = useState(null);
  const [isAsking, setAsking] = useState(false);
  useEffect(() => void attempt(() => chat.request("GET", "/blocks")).then((answer) => answer && setBlocked(answer.body.some((each) => each.user.id === user.id))), [user.id]);
  async function set(next) {
    if (!(await attempt(() => chat.request(next ? "PUT" : "DELETE", `/users/${user.id}/block`)))) return;
    setBlocked(next);
    notify(next ? `${user.username} is blocked.` : `${user.username} is not blocked any more.`);
  }
  if (isBlocked === null) return null;
  return html`
    <div class="buttons">
      ${isBlocked
        ? html`<button type="button" onClick=${() => set(false)}>Unblock ${user.username}</button>`
        : html`<button type="button" class="danger" onClick=${() => setAsking(true)}>Block ${user.username}</button>`}
    </div>
    ${isAsking &&
    html`<${Confirm} title=${`Block ${user.username}?`} action="Block" onConfirm=${() => set(true)} onClose=${() => setAsking(false)}
      text="Neither of you can write here any more, and they cannot add you to groups. They are not told." />`}
  `;
}
