import { html, useEffect, useState } from "../html.js";
import { useChat } from "../context.js";
import { attempt, notify } from "../lib/notices.js";
import { url } from "../session.js";
import { IconButton } from "./IconButton.js";

const WEEK = 7 * 86_400;
const linkTo = (code) => `${url}/#/invite/${encodeURIComponent(code)}`;

/** Links that let people in. */
export function Invites({ about }) {
  const chat = useChat();
  const [invites, setInvites] = useState([]);
  const path = `/conversations/${about.id}/invites`;
  useEffect(() => void attempt(() => chat.request("GET", path)).then((answer) => answer && setInvites(answer.body)), [path]);

  async function make() {
    const answer = await attempt(() => chat.request("POST", path, { body: { expires_in: WEEK } }));
    if (answer) setInvites((all) => [answer.body, ...all]);
  }

  async function takeBack({ code }) {
    const answer = await attempt(() => chat.request("DELETE", `/invites/${encodeURIComponent(code)}`));
    if (answer) setInvites((all) => all.filter((each) => each.code !== code));
  }

  const copy = ({ code }) => navigator.clipboard?.writeText(linkTo(code)).then(() => notify("The link is copied."), () => notify("Copy the link by hand."));
  return html`
    <section aria-label="Invitations">
      <h3>Invitations</h3>
      <ul class="invites">
        ${invites.map(
          (each) => html`<li key=${each.code}>
            <input readonly value=${linkTo(each.code)} aria-label="Link" onFocus=${(event) => event.target.select()} />
            <${IconButton} icon="copy" label="Copy the link" onClick=${() => copy(each)} />
            <${IconButton} icon="delete" label="Take the invitation back" onClick=${() => takeBack(each)} />
          </li>`,
        )}
      </ul>
      <button type="button" onClick=${make}>Make a link</button>
    </section>
  `;
}
