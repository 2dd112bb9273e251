import { html, useCallback, useEffect, useMemo, useRef, useState } from "../html.js";
import { useChat, useConversation, useMe } from "../context.js";
import { nameOf, roleOf } from "../lib/names.js";
import { attempt } from "../lib/notices.js";
import { go } from "../lib/route.js";
import { Composer } from "./Composer.js";
import { Confirm } from "./Confirm.js";
import { ConversationHead } from "./ConversationHead.js";
import { Details } from "./Details.js";
import { History } from "./History.js";
import { MessageList } from "./MessageList.js";
import { Pins } from "./Pins.js";
import { Thread } from "./Thread.js";
import { Typing } from "./Typing.js";

/** An open conversation: its head, its messages, the composer, and a panel at the side. */
export function Conversation({ id }) {
  const chat = useChat();
  const me = useMe();
  const { about } = useConversation(id);
  const [panel, setPanel] = useState(null);
  const [answering, setAnswering] = useState({ reply: null, edited: null });
  const [deleted, setDeleted] = useState(null);
  const [earlier, setEarlier] = useState(null);
  const names = useMemo(() => nameFinder(about.participants), [about.participants]);
  const main = useRef(null);
  const opener = useRef(null); // what had the focus before the panel

  useEffect(() => chat.open(id), [chat, id]);

  const openPanel = useCallback((next) => {
    opener.current = document.activeElement;
    setPanel(next);
  }, []);
  const closePanel = useCallback(() => {
    setPanel(null);
    if (opener.current?.isConnected) opener.current.focus();
    else main.current?.querySelector("textarea")?.focus();
  }, []);

  function markUnread({ seq }) {
    go(); // while it is open, what is shown counts as read
    return chat.markUnread(id, seq);
  }

  const on = useMemo(
    () => ({
      reply: (message) => setAnswering({ reply: message, edited: null }),
      edit: (message) => setAnswering({ reply: null, edited: message }),
      remove: setDeleted,
      react: (message, emoji, added) => attempt(() => chat.react(message, emoji, added)),
      pin: (message) => attempt(() => chat.pin(message, !message.pinned_at)),
      thread: (message) => openPanel({ kind: "thread", root: message.thread_id ?? message.id }),
      history: setEarlier,
      unread: (message) => attempt(() => markUnread(message)),
      retry: (message) => chat.retry(message.key),
      discard: (message) => chat.discard(message.key),
    }),
    [chat],
  );

  return html`
    <main class="conversation" ref=${main} aria-label=${`Conversation: ${nameOf(about, me.id)}`}>
      <${ConversationHead} about=${about} me=${me.id} panel=${panel?.kind} onPanel=${(kind) => (panel?.kind === kind ? closePanel() : openPanel({ kind }))} />
      <${MessageList} id=${id} names=${names} on=${on} />
      <${Typing} id=${id} names=${names} />
      <${Composer}
        about=${about} me=${me.id} names=${names} answering=${answering} onDone=${() => setAnswering({ reply: null, edited: null })}
        onEditLast=${() => on.edit(lastOwn(chat.messages(id), me.id))} isClosed=${about.frozen && roleOf(about, me.id) === "member"}
      />
    </main>
    ${panel?.kind === "thread" && html`<${Thread} key=${panel.root} about=${about} rootId=${panel.root} names=${names} onClose=${closePanel} />`}
    ${panel?.kind === "pins" && html`<${Pins} about=${about} names=${names} onClose=${closePanel} />`}
    ${panel?.kind === "details" && html`<${Details} about=${about} me=${me.id} onClose=${closePanel} />`}
    ${earlier && html`<${History} message=${earlier} names=${names} onClose=${() => setEarlier(null)} />`}
    ${deleted &&
    html`<${Confirm} title="Delete this message?" text="Its text is gone for everyone and cannot be brought back." action="Delete"
      onConfirm=${() => attempt(() => chat.remove(deleted))} onClose=${() => setDeleted(null)} />`}
  `;
}

const lastOwn = (messages, me) => messages.findLast((each) => each.user_id === me && each.type === "text" && each.status === "sent" && !each.deleted_at) ?? null;

function nameFinder(participants) {
  const known = new Map(participants.map((each) => [each.id, each.username]));
  return (id) => known.get(id) ?? "somebody";
}
