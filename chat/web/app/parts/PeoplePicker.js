import { html, useEffect, useState } from "../html.js";
import { useChat } from "../context.js";
import { Avatar } from "./Avatar.js";

/** Choose people by their names. */
export function PeoplePicker({ label, picked, onChange, without = [] }) {
  const chat = useChat();
  const [text, setText] = useState("");
  const [found, setFound] = useState([]);
  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const { body } = await chat.request("GET", "/users/search", { query: { q: text.trim() || undefined } }).catch(() => ({ body: [] }));
      if (isCurrent) setFound(body.filter((each) => !without.includes(each.id)));
    }, 200);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text]);

  const has = (user) => picked.some((each) => each.id === user.id);
  const toggle = (user) => onChange(has(user) ? picked.filter((each) => each.id !== user.id) : [...picked, user]);
  const shown = [...picked.filter((each) => !found.some(({ id }) => id === each.id)), ...found];
  return html`
    <fieldset class="picker">
      <legend>${label}</legend>
      <input type="search" placeholder="Search names" aria-label="Search names" value=${text} onInput=${(event) => setText(event.target.value)} />
      <ul>
        ${shown.map(
          (user) => html`<li key=${user.id}>
            <label class="row">
              <input type="checkbox" checked=${has(user)} onChange=${() => toggle(user)} />
              <${Avatar} id=${user.id} name=${user.username} address=${user.avatar_url} /><span class="name">${user.username}</span>
            </label>
          </li>`,
        )}
        ${!shown.length && html`<li class="soft hint">Nobody is called like that.</li>`}
      </ul>
    </fieldset>
  `;
}
