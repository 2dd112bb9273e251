// Sending: each conversation's messages in their order, under a `client_id` that is kept until the server has answered.
import { backoff, now, type Core } from "./core.js";
import type { Connection } from "./connection.js";
import { isFinal, type ChatError } from "./errors.js";
import { NOTHING } from "./messages.js";
import type { Draft, Letter } from "./types.js";

export interface Outbox {
  /** Show a message and send it; returns its `client_id`. */
  send(conversationId: string, message: string | Draft): string;
  /** Send a failed message again. */
  retry(clientId: string): void;
  /** Take a message back that failed, or that waits. */
  discard(clientId: string): void;
  /** Go on: a connection is there. */
  _pump(): void;
}

export const createOutbox = (core: Core, connection: Connection, saved: () => Promise<void>): Outbox => {
  const busy = new Map<string, string>(); // conversation → what of it is under way, or "" while it must wait
  let failures = 0; // in a row

  const find = (key: string) => core._state.outbox.find((each) => each.key === key);
  /** Change a letter, or drop it. */
  const change = (key: string, more?: Partial<Letter>) =>
    core._set({ outbox: core._state.outbox.flatMap((each) => (each.key !== key ? each : more ? { ...each, ...more } : [])) });

  const pump = () => {
    if (!connection._isOpen()) return;
    for (const each of core._state.outbox) {
      if (each.status === "sending" && !busy.has(each.conversation_id)) void attempt(each);
    }
  };

  const attempt = async (letter: Letter) => {
    const { conversation_id, draft, key } = letter;
    busy.set(conversation_id, key);
    let wait = 0;
    try {
      const message = await connection._call("sendMessage", { conversation_id, client_id: key, ...draft });
      failures = 0;
      if (message.scheduled) change(key);
      else {
        change(key, { ...message, status: "sent" });
        core._event("message", message);
      }
    } catch (error) {
      wait = fail(key, error as ChatError);
    }
    busy.set(conversation_id, "");
    const next = () => {
      busy.delete(conversation_id);
      pump();
    };
    if (wait) setTimeout(next, wait);
    else next();
  };

  /** Returns how long the conversation must wait. */
  const fail = (key: string, { status, retryAfter, problem }: ChatError): number => {
    if (isFinal(status)) change(key, { status: "failed", error: problem });
    if (status === 401) connection._reconnect();
    return isFinal(status) || !connection._isOpen() ? 0 : backoff(failures++, retryAfter); // a connection goes on
  };

  const post = (letter: Letter) => {
    core._set({ outbox: [...core._state.outbox, letter] });
    void saved().then(pump); // kept first: then a message that was sent is sent once, whatever happens to the app
  };

  return {
    send(conversation_id, message) {
      const draft: Draft = typeof message === "string" ? { message } : JSON.parse(JSON.stringify(message));
      const { id = "", username = "", avatar_url = null }: any = core._state.me ?? {};
      const key = `${Date.now()}${Math.random()}${Math.random()}`; // no other device makes the same
      post({
        ...NOTHING,
        reply_to: null,
        thread_id: null,
        reply_count: 0,
        ...draft,
        attachments: [],
        draft,
        id: key,
        key,
        client_id: key,
        conversation_id,
        user_id: id,
        users: { id, username, avatar_url },
        type: "text",
        created_at: now(),
        seq: 0,
        version: 0,
        status: "sending",
        error: null,
      } as Letter);
      return key;
    },
    retry(clientId) {
      const letter = find(clientId);
      if (letter?.status !== "failed") return;
      change(clientId); // to the end, behind what was written since
      post({ ...letter, status: "sending", error: null });
    },
    discard(clientId) {
      if (![...busy.values()].includes(clientId)) change(clientId);
    },
    _pump: pump,
  };
};
