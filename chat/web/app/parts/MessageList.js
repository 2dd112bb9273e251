import { html, useCallback, useEffect, useMemo, useRef, useState } from "../html.js";
import { useChat, useChatState, useConversation, useMe } from "../context.js";
import { whenLookedFor } from "../lib/jump.js";
import { onDay } from "../lib/dates.js";
import { attempt, notify } from "../lib/notices.js";
import { isAdmin } from "../lib/names.js";
import { reached, tickOf } from "../lib/receipts.js";
import { rowsOf } from "../lib/rows.js";
import { useSteadyScroll } from "../lib/scroll.js";
import { useWindow } from "../lib/window.js";
import { Icon } from "./Icon.js";
import { Message } from "./Message.js";

const PAGE = 50;

/** The messages of a conversation: older ones come as one scrolls up, nothing moves under the reader. */
export function MessageList({ id, names, on }) {
  const chat = useChat();
  const me = useMe().id;
  const conversation = useConversation(id);
  const messages = useChatState((each) => each.messages(id));
  const [active, setActive] = useState("");
  const [flashed, setFlashed] = useState("");
  const [isAtEnd, setAtEnd] = useState(true);
  const isLoading = useRef(false);
  const hasFailed = useRef(false);
  const { about } = conversation;
  const [unreadAfter] = useState(() => (about.unread_count ? about.last_read_seq : null));
  const rows = useMemo(() => rowsOf(messages, unreadAfter, me), [messages, unreadAfter, me]);
  const drawnRows = useWindow(rows, unreadAfter === null ? "" : "unread");
  const far = useMemo(() => reached(conversation, me), [conversation.receipts, me]);

  async function older() {
    if (drawnRows.up()) return;
    if (isLoading.current || hasFailed.current || !chat.state().conversations[id]?.has_older) return;
    isLoading.current = true;
    try {
      await chat.loadOlder(id, PAGE);
    } catch {
      hasFailed.current = true; // until one scrolls again
    }
    isLoading.current = false;
  }

  function view(atEnd, lastSeq) {
    setAtEnd(atEnd);
    if (document.visibilityState !== "visible") return;
    chat.markRead(id, atEnd ? undefined : lastSeq);
  }

  const scroll = useSteadyScroll({ onStart: older, onEnd: drawnRows.down, onView: view, isCut: drawnRows.isCut });

  useEffect(() => {
    const line = scroll.content.current.querySelector(".unread-line");
    if (line) scroll.to(line, "start");
    document.addEventListener("visibilitychange", scroll.onScroll);
    return () => document.removeEventListener("visibilitychange", scroll.onScroll);
  }, []);

  useEffect(() => whenLookedFor(id, show), [id]);
  async function show(messageId, seq) {
    isLoading.current = true; // one at a time
    while (chat.state().conversations[id].first_seq > seq && (await attempt(() => chat.loadOlder(id, 200))));
    isLoading.current = false;
    const all = rowsOf(chat.messages(id), unreadAfter, me);
    drawnRows.show(all, all.find((each) => each.message?.id === messageId)?.key);
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const row = scroll.content.current?.querySelector(`[data-id="${messageId}"]`);
      if (!row) return notify("This message is not there any more.");
      scroll.to(row);
      row.querySelector("article")?.focus({ preventScroll: true });
      setFlashed(row.dataset.key);
      setTimeout(() => setFlashed(""), 2000);
    }));
  }

  const activate = useCallback((key) => setActive(key), []);
  const last = drawnRows.rows.findLast((each) => each.message && each.kind === "message")?.key;
  const tabStop = drawnRows.rows.some((each) => each.key === active) ? active : last;
  const mayPin = about.type === "direct" || isAdmin(about, me);
  const mayDelete = isAdmin(about, me);

  function move(event) {
    const steps = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !event.target.matches("article")) return;
    event.preventDefault();
    if (event.key === "End" && drawnRows.isCut) return toEnd();
    const all = [...scroll.content.current.querySelectorAll("article")];
    const next = Math.max(0, Math.min(all.length - 1, all.indexOf(event.target) + steps[event.key]));
    all[next].focus();
  }

  function toEnd() {
    scroll.toEnd();
    drawnRows.toEnd();
  }

  function drawn(row) {
    if (row.kind === "day") return html`<li key=${row.key} class="day"><span>${onDay(row.at)}</span></li>`;
    if (row.kind === "unread") return html`<li key=${row.key} class="unread-line"><span>New messages</span></li>`;
    const { message, key } = row;
    return html`<${Message}
      key=${key} message=${message} me=${me} names=${names} on=${on} isFirst=${row.isFirst} isGroup=${about.type !== "direct"}
      tick=${tickOf(message, me, far)} isActive=${key === active} isTabStop=${key === tabStop} isFlashed=${key === flashed} onActivate=${activate}
      mayPin=${mayPin} mayDelete=${mayDelete}
    />`;
  }

  return html`
    <div class="messages" ref=${scroll.box} role="log" aria-live="off" aria-label="Messages" onScroll=${() => ((hasFailed.current = false), scroll.onScroll())}
      onKeyDown=${move} onMouseLeave=${() => !scroll.content.current.contains(document.activeElement) && setActive("")}>
      <p class="soft older">${conversation.has_older ? "Loading older messages …" : messages.length ? "The conversation begins here." : "Say hello."}</p>
      <ol ref=${scroll.content}>${drawnRows.rows.map(drawn)}</ol>
      ${(!isAtEnd || drawnRows.isCut) &&
      html`<button type="button" class="to-end" onClick=${toEnd}><${Icon} name="down" />${about.unread_count ? `${about.unread_count} new` : "Latest"}</button>`}
    </div>
  `;
}
