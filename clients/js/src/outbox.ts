// Sending: each conversation's messages in their order, under a `client_id` that is kept until the server has answered.
import { backoff, type Core } from "./core.js";
import type { Connection } from "./connection.js";
import { ChatError, isFinal } from "./errors.js";
import type { Draft, Letter } from "./types.js";

export interface Outbox {
  /** Show a message and send it; returns its `client_id`. */
  send(conversationId: string, message: string | Draft): string;
  /** Send a failed message again. */
  retry(clientId: string): void;
  /** Take a message back that failed, or that waits. */
  discard(clientId: string): void;
  /** Go on: a connection is there. */
  pump(): void;
  stop(): void;
}

export function createOutbox(core: Core, connection: Connection, saved: () => Promise<void>): Outbox {
  const busy = new Set<string>(); // conversations of which one message is under way, or must wait
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const failures = new Map<string, number>();
  let isPaused = false; // the server has said when to go on

  const letter = (clientId: string) => core.state().outbox.find((each) => each.client_id === clientId);
  const update = (changed: Letter) => core.dispatch({ type: "letter", letter: changed });

  function later(milliseconds: number, then: () => void) {
    const timer = setTimeout(() => {
      timers.delete(timer);
      then();
    }, milliseconds);
    timers.add(timer);
  }

  function pump() {
    if (!connection.isOpen() || isPaused) return;
    for (const each of core.state().outbox) {
      if (each.status !== "waiting" || busy.has(each.conversation_id)) continue;
      busy.add(each.conversation_id);
      void attempt(each);
    }
  }

  async function attempt(each: Letter) {
    const { conversation_id, client_id } = each;
    update({ ...each, status: "sending", error: null });
    let wait: number | null = 0; // null: until there is a connection again
    try {
      const answer = await connection.call("sendMessage", { conversation_id, client_id, ...each.draft });
      failures.delete(client_id);
      arrive(each, answer);
    } catch (error) {
      wait = fail(each, error as ChatError);
    }
    if (wait) later(wait, next);
    else next();

    function next() {
      busy.delete(conversation_id);
      if (wait !== null) pump();
    }
  }

  function arrive(each: Letter, answer: any) {
    if (answer.scheduled) return core.dispatch({ type: "letterGone", client_id: each.client_id });
    if (letter(each.client_id)) update({ ...each, status: "sent", message: answer });
    core.dispatch({ type: "event", name: "message", data: answer, at: Date.now() });
  }

  function fail(each: Letter, error: ChatError): number | null {
    if (!letter(each.client_id)) return 0; // taken back meanwhile
    if (isFinal(error)) {
      update({ ...each, status: "failed", error: error.problem });
      return 0;
    }
    update({ ...each, status: "waiting", error: null });
    if (error.status === 401) connection.reconnect();
    if (!connection.isOpen()) return null;
    const count = failures.get(each.client_id) ?? 0;
    failures.set(each.client_id, count + 1);
    const wait = (error.retryAfter ?? 0) * 1000 || backoff(count);
    if (!error.retryAfter || error.code === "slow_mode") return wait; // that is of this conversation alone
    isPaused = true;
    later(wait, () => {
      isPaused = false;
      pump();
    });
    return 0;
  }

  function send(conversationId: string, message: string | Draft): string {
    const client_id = newId();
    const draft = typeof message === "string" ? { message } : message;
    const at = new Date().toISOString();
    const fresh: Letter = { client_id, conversation_id: conversationId, draft, created_at: at, status: "waiting", error: null, message: null };
    update(fresh);
    void saved().then(pump); // kept first: then a message that was sent is sent once, whatever happens to the app
    return client_id;
  }

  function retry(clientId: string) {
    const known = letter(clientId);
    if (known?.status !== "failed") return;
    core.dispatch({ type: "letterGone", client_id: clientId }); // to the end, behind what was written since
    update({ ...known, status: "waiting", error: null });
    void saved().then(pump);
  }

  return {
    send,
    retry,
    discard(clientId) {
      if (letter(clientId)?.status !== "sending") core.dispatch({ type: "letterGone", client_id: clientId });
    },
    pump,
    stop() {
      timers.forEach(clearTimeout);
      timers.clear();
      busy.clear();
      isPaused = false;
    },
  };
}

/** An id that no other device makes; React Native has no crypto.randomUUID. */
export function newId(): string {
  const random = () => Math.random().toString(36).slice(2, 12);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${random()}-${random()}`;
}
