import { html, useEffect, useState } from "../html.js";
import { useChat, useChatState } from "../context.js";
import { attempt } from "../lib/notices.js";
import { go } from "../lib/route.js";
import { Dialog } from "./Dialog.js";

/** A link that lets one into a conversation: what it says, and accepting it. */
export function Invite({ code }) {
  const chat = useChat();
  const isLive = useChatState((each) => each.state().status === "live");
  const [offer, setOffer] = useState(null);
  const [refusal, setRefusal] = useState("");
  const path = `/invites/${encodeURIComponent(code)}`;
  useEffect(() => {
    if (isLive) chat.request("GET", path).then(({ body }) => setOffer(body), (error) => setRefusal(error.message));
  }, [chat, path, isLive]);

  async function accept() {
    const about = await attempt(() => chat.acceptInvite(code));
    if (about) go(`c/${about.id}`);
  }

  return html`
    <${Dialog} title="Invitation" onClose=${() => location.hash.startsWith("#/invite/") && go()}>
      ${refusal && html`<p role="alert">${refusal}</p>`}
      ${!refusal && !offer && html`<p class="soft">Loading …</p>`}
      ${offer &&
      html`<p>You are invited to <strong>${offer.name}</strong>, with ${offer.member_count} member${offer.member_count === 1 ? "" : "s"}.</p>
        <div class="buttons">
          <button type="button" onClick=${() => go()}>Not now</button>
          <button type="button" class="primary" onClick=${accept}>${offer.conversation_id ? "Open it" : "Join"}</button>
        </div>`}
    </${Dialog}>
  `;
}
