import { html, useCallback, useEffect, useMemo, useState } from "../html.js";
import { useChat, useChatState, useMe } from "../context.js";
import { isAdmin } from "../lib/names.js";
import { attempt } from "../lib/notices.js";
import { useSteadyScroll } from "../lib/scroll.js";
import { rowsOf } from "../lib/rows.js";
import { Composer } from "./Composer.js";
import { Confirm } from "./Confirm.js";
import { History } from "./History.js";
import { Message } from "./Message.js";
import { Panel } from "./Panel.js";

/** A message and its replies. */
export function Thread({ about, rootId, names, onClose }) {
  const chat = useChat();
  const me = useMe().id;
  const root = useChatState((each) => each.messages(about.id).find(({ id }) => id === rootId)) ?? chat.state().conversations[about.id].messages.find(({ id }) => id === rootId);
  const replies = useChatState((each) => each.messages(about.id, rootId));
  const [active, setActive] = useState("");
  const [hasOlder, setOlder] = useState(false);
  const [answering, setAnswering] = useState({ reply: null, edited: null });
  const [deleted, setDeleted] = useState(null);
  const [earlier, setEarlier] = useState(null);
  const scroll = useSteadyScroll({});
  const target = { id: rootId, conversation_id: about.id };
  const load = (before) => attempt(() => chat.loadThread(target, before)).then((more) => setOlder(!!more));
  useEffect(() => void load(), [rootId]);

  const on = useMemo(
    () => ({
      edit: (message) => setAnswering({ reply: null, edited: message }),
      remove: setDeleted,
      history: setEarlier,
      react: (message, emoji, added) => attempt(() => chat.react(message, emoji, added)),
      retry: (message) => chat.retry(message.key),
      discard: (message) => chat.discard(message.key),
    }),
    [chat],
  );
  const activate = useCallback((key) => setActive(key), []);
  const last = replies.at(-1)?.key ?? root?.key;
  const drawn = (message, isFirst) => html`<${Message}
    key=${message.key ?? message.id} message=${message.key ? message : { ...message, key: message.id, status: "sent" }} me=${me} names=${names} on=${on} isFirst=${isFirst} isGroup=${true}
    tick=${message.user_id === me && message.status !== "sent" ? message.status : ""} isActive=${active === message.key} isTabStop=${(active || last) === message.key} isFlashed=${false} onActivate=${activate}
    mayPin=${false} mayDelete=${isAdmin(about, me)} inThread=${true}
  />`;
  const rows = rowsOf(replies, null, me).filter((each) => each.kind === "message");

  return html`
    <${Panel} title="Thread" onClose=${onClose}>
      <div class="messages" ref=${scroll.box} onScroll=${scroll.onScroll} role="log" aria-live="off" aria-label="Replies">
        <ol ref=${scroll.content}>
          ${root && drawn(root, true)}
          <li class="day" key="count"><span>${replies.length} ${replies.length === 1 ? "reply" : "replies"}</span></li>
          ${hasOlder && html`<li key="older"><button type="button" class="plain" onClick=${() => load(replies[0]?.seq)}>Older replies</button></li>`}
          ${rows.map((each) => drawn(each.message, each.isFirst))}
        </ol>
      </div>
      <${Composer} about=${about} me=${me} names=${names} threadId=${rootId} answering=${answering} onDone=${() => setAnswering({ reply: null, edited: null })} />
      ${earlier && html`<${History} message=${earlier} names=${names} onClose=${() => setEarlier(null)} />`}
      ${deleted &&
      html`<${Confirm} title="Delete this reply?" text="Its text is gone for everyone and cannot be brought back." action="Delete"
        onConfirm=${() => attempt(() => chat.remove(deleted))} onClose=${() => setDeleted(null)} />`}
    </${Panel}>
  `;
}
