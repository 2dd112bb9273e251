import { html, useState } from "../html.js";
import { useChat } from "../context.js";
import { attempt } from "../lib/notices.js";
import { go } from "../lib/route.js";
import { Dialog } from "./Dialog.js";
import { PeoplePicker } from "./PeoplePicker.js";

/** Make a group: its name, and who is in it. */
export function NewGroup({ onClose }) {
  const chat = useChat();
  const [picked, setPicked] = useState([]);
  async function submit(event) {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    const about = await attempt(() => chat.createConversation(name, picked.map((each) => each.id)));
    if (!about) return;
    onClose();
    go(`c/${about.id}`);
  }
  return html`
    <${Dialog} title="New group" onClose=${onClose}>
      <form onSubmit=${submit}>
        <label>Name<input name="name" required maxlength="255" autofocus autocomplete="off" /></label>
        <${PeoplePicker} label="Members" picked=${picked} onChange=${setPicked} />
        <div class="buttons"><button class="primary">Create group</button></div>
      </form>
    </${Dialog}>
  `;
}
