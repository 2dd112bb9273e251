import { html, useEffect } from "../html.js";
import { useChat, useChatState } from "../context.js";
import { nameOf } from "../lib/names.js";
import { announce } from "../lib/notices.js";
import { followPush } from "../lib/push.js";
import { useRoute } from "../lib/route.js";
import { plainText } from "../lib/text.js";
import { Conversation } from "./Conversation.js";
import { Invite } from "./Invite.js";
import { OfflineLine } from "./OfflineLine.js";
import { Sidebar } from "./Sidebar.js";

/** The chat: the list beside what is open; on a phone one of them. */
export function Home({ onSignOut }) {
  const chat = useChat();
  const { kind, value } = useRoute();
  const unread = useChatState((each) => each.unread());
  const isKnown = useChatState((each) => !!each.state().conversations[value]);
  const status = useChatState((each) => each.state().status);
  const isOpen = kind === "c" && isKnown;

  useEffect(() => void (document.title = unread ? `(${unread}) Chat` : "Chat"), [unread]);
  useEffect(() => (status === "live" ? followPush(chat) : undefined), [chat, status]);
  useEffect(() => {
    const hear = (message) => say(chat, message);
    chat.socket.on("message", hear);
    return () => chat.socket.off("message", hear);
  }, [chat]);

  return html`
    <div class=${`home${isOpen ? " open" : ""}`}>
      <${OfflineLine} />
      <${Sidebar} openId=${isOpen ? value : ""} onSignOut=${onSignOut} />
      ${isOpen
        ? html`<${Conversation} key=${value} id=${value} />`
        : html`<main class="empty" aria-label="No conversation"><p class="soft">${
            kind === "c" && status === "live" ? "This conversation is not yours, or not any more." : "Choose a conversation, or search for somebody to write to."
          }</p></main>`}
      ${kind === "invite" && html`<${Invite} code=${value} />`}
    </div>
  `;
}

function say(chat, message) {
  const { conversations, me } = chat.state();
  const about = conversations[message.conversation_id]?.about;
  if (!about || message.user_id === me?.id || message.type === "system") return;
  const names = (id) => about.participants.find((each) => each.id === id)?.username ?? "somebody";
  const where = about.type === "direct" ? "" : ` in ${nameOf(about, me.id)}`;
  announce(`${message.users.username}${where}: ${plainText(message.message, names) || "a file"}`);
}
