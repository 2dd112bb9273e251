// What is not kept: read pointers on their way, who is typing, who is online.
import { backoff, type Core } from "./core.js";
import type { Connection } from "./connection.js";
import { isFinal, type ChatError } from "./errors.js";

const READ_AFTER = 400;
const TYPING_EVERY = 3000;

export interface Signals {
  markRead(conversationId: string, seq?: number): void;
  markDelivered(conversationId: string): void;
  typing(conversationId: string, isTyping?: boolean): void;
  /** Show whether these people are online; returns how to end that. */
  watchPresence(userIds: string[]): () => void;
  /** A connection is there: send what waits. */
  opened(): void;
  stop(): void;
}

export function createSignals(core: Core, connection: Connection): Signals {
  const moved = new Map<string, { read_seq?: number; delivered_seq?: number }>();
  const typed = new Map<string, number>(); // conversation → when it was said last
  const watched = new Map<string, number>(); // user → how many watch
  let flushing: ReturnType<typeof setTimeout> | undefined;
  let watching: ReturnType<typeof setTimeout> | undefined;
  let expiring: ReturnType<typeof setTimeout> | undefined;
  let isFlushing = false;

  function move(conversationId: string, pointer: "read_seq" | "delivered_seq", seq: number) {
    const known = moved.get(conversationId);
    moved.set(conversationId, { ...known, [pointer]: Math.max(known?.[pointer] ?? 0, seq) });
    flushing ??= setTimeout(flush, READ_AFTER);
  }

  // One after the other: after an absence many conversations have moved at once.
  async function flush() {
    flushing = undefined;
    if (isFlushing) return;
    isFlushing = true;
    for (const [conversation_id, pointers] of moved) {
      if (!connection.isOpen()) break;
      moved.delete(conversation_id);
      try {
        const data = await connection.call("receipt", { conversation_id, ...pointers });
        core.dispatch({ type: "event", name: "receipt", data, at: Date.now() });
      } catch (error) {
        if (isFinal(error as ChatError)) continue;
        moved.set(conversation_id, { ...pointers, ...moved.get(conversation_id) });
        if (connection.isOpen()) flushing ??= setTimeout(flush, ((error as ChatError).retryAfter ?? 0) * 1000 || backoff(2));
        break;
      }
    }
    isFlushing = false;
  }

  function watch() {
    watching = undefined;
    if (!connection.isOpen()) return;
    const user_ids = [...watched.keys()].slice(0, 200);
    connection.call("watchPresence", { user_ids }).then(({ presence }) => {
      for (const data of presence) core.dispatch({ type: "event", name: "presence", data, at: Date.now() });
    }, core.report);
  }

  const count = (userIds: string[], by: number) => {
    for (const id of userIds) {
      const next = (watched.get(id) ?? 0) + by;
      if (next > 0) watched.set(id, next);
      else watched.delete(id);
    }
    watching ??= setTimeout(watch, 50);
  };

  // Who does not say that they go on typing has stopped.
  core.subscribe(() => {
    if (expiring) return;
    const ends = Object.values(core.state().typing).flatMap((users) => Object.values(users));
    if (!ends.length) return;
    const expire = () => {
      expiring = undefined;
      core.dispatch({ type: "expired", at: Date.now() });
    };
    expiring = setTimeout(expire, Math.max(50, Math.min(...ends) - Date.now()));
  });

  return {
    markRead(conversationId, seq) {
      const known = core.state().conversations[conversationId];
      const read_seq = Math.min(seq ?? Infinity, known?.about.last_seq ?? 0);
      if (!known || read_seq <= known.about.last_read_seq) return;
      core.dispatch({ type: "read", conversation_id: conversationId, read_seq });
      move(conversationId, "read_seq", read_seq);
    },
    markDelivered(conversationId) {
      const about = core.state().conversations[conversationId]?.about;
      if (about && about.last_seq > about.last_delivered_seq) move(conversationId, "delivered_seq", about.last_seq);
    },
    typing(conversationId, isTyping = true) {
      const last = typed.get(conversationId) ?? 0;
      if (isTyping ? Date.now() - last < TYPING_EVERY : !last) return;
      if (isTyping) typed.set(conversationId, Date.now());
      else typed.delete(conversationId);
      connection.emit("typing", { conversation_id: conversationId, is_typing: isTyping });
    },
    watchPresence(userIds) {
      count(userIds, 1);
      return () => count(userIds, -1);
    },
    opened() {
      typed.clear();
      if (watched.size) watch();
      if (moved.size) void flush();
    },
    stop() {
      [flushing, watching, expiring].forEach(clearTimeout);
      flushing = watching = expiring = undefined;
      moved.clear();
      typed.clear();
    },
  };
}
