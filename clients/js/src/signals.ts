// What is not kept: read pointers on their way, who is typing.
import { backoff, createTimer, type Core } from "./core.js";
import type { Connection } from "./connection.js";
import { isFinal, type ChatError } from "./errors.js";

/** In milliseconds. */
const enum Times {
  read = 400,
  typing = 3000,
}

export interface Signals {
  /** Mark as read up to this message, or all; sent a moment later, once for many. */
  markRead(conversationId: string, seq?: number): void;
  /** Say that the user is typing, or no longer; to be called at each key. */
  typing(conversationId: string, isTyping?: boolean): void;
  /** A connection is there: send what waits. */
  _opened(): void;
  _stop(): void;
}

export const createSignals = (core: Core, connection: Connection): Signals => {
  const moved = new Map<string, number>(); // conversation → up to where it was read
  let typed: [string?, number?] = []; // in which conversation, and when that was said last
  const timer = createTimer();

  const flush = () => {
    for (const [conversation_id, read_seq] of moved) {
      connection._call("receipt", { conversation_id, read_seq }).then(
        (data) => {
          core._event("receipt", data);
          if (moved.get(conversation_id) === read_seq) moved.delete(conversation_id);
        },
        ({ status, retryAfter }: ChatError) => {
          if (isFinal(status)) moved.delete(conversation_id);
          else if (connection._isOpen()) timer._start(flush, backoff(2, retryAfter));
        },
      );
    }
  };

  return {
    markRead(conversation_id, seq = Infinity) {
      const { me, conversations } = core._state;
      const { last_seq = 0, last_read_seq = 0 } = conversations[conversation_id]?.about ?? {};
      const read_seq = Math.min(seq, last_seq);
      if (read_seq <= last_read_seq) return;
      core._event("receipt", { conversation_id, user_id: me!.id, read_seq });
      moved.set(conversation_id, read_seq);
      timer._start(flush, Times.read);
    },
    typing(conversation_id, is_typing = true) {
      const at = Date.now();
      const [known, last] = typed;
      if (is_typing ? known === conversation_id && at - last! < Times.typing : known !== conversation_id) return;
      typed = is_typing ? [conversation_id, at] : [];
      if (connection._isOpen()) connection._socket.emit("typing", { conversation_id, is_typing });
    },
    _opened: flush,
    _stop: () => moved.clear(),
  };
};
