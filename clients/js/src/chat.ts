import type { Socket } from "socket.io-client";
import { createChanges, type Changes } from "./changes.js";
import { createConnection } from "./connection.js";
import { createCore, type Options, type Token } from "./core.js";
import { createRequest, type Request } from "./http.js";
import { createOutbox, type Outbox } from "./outbox.js";
import { createPages, type Pages } from "./pages.js";
import { createPersistence } from "./persistence.js";
import { emptyState, type Action, type Rule } from "./reducer.js";
import { createSignals, type Signals } from "./signals.js";
import type { ShownMessage, State } from "./types.js";
import { memo, shownConversations, shownMessages, type ShownConversation } from "./views.js";

export interface Chat extends Changes, Pick<Outbox, "send" | "retry" | "discard">, Pick<Signals, "markRead" | "typing">, Pages {
  /** Who connects, in the server's open mode. */
  readonly userId?: string | undefined;
  state(): State;
  /** Call the listener after each change of the state; returns how to end that. */
  subscribe(listener: () => void): () => void;
  /** Change the state by the rules, as after a request of the app's own: `{type: "event", name: "messageUpdated", data, at}`. */
  dispatch(action: Action): void;
  /** Let more follow from each action. */
  readonly rules: Set<Rule>;

  /** Connect again: after `unauthorized`, or `disconnect()`. */
  connect(token?: Token): void;
  disconnect(): void;
  /** Disconnect and forget everything, also in the store. */
  signOut(): Promise<void>;
  /** Write to the store now, as before an app goes to the background; otherwise it happens a moment after each change. */
  save(): Promise<void>;
  /** The socket of socket.io-client. `socket.on(event, …)` hears an event when the state has it: for sounds, notices, the app's own. */
  readonly socket: Socket;

  conversations(options?: { archived?: boolean }): ShownConversation[];
  /** The messages of a conversation, or the replies that are known of a thread. */
  messages(conversationId: string, rootId?: string): ShownMessage[];
  /** Make a request as the client's user: for whatever has no method here. */
  request: Request;
}

/** Connect to a chat server and stay in step with it. */
export function createChat(given: Options & { connect?: boolean }): Chat {
  const options = { ...given };
  const core = createCore(options);
  const persistence = createPersistence(core);
  const connection = createConnection(core, () => {
    _opened();
    _pump();
  });
  const request = createRequest(core, connection);
  const { _pump, send, ...outbox } = createOutbox(core, connection, persistence._save);
  const { _opened, _stop, ...signals } = createSignals(core, connection);
  let restored = persistence._restore();

  const parts = (id?: string) => {
    const { conversations, outbox, optimistic, me } = core._state;
    return [id ? conversations[id]?.messages : conversations, outbox, optimistic, me];
  };
  const conversations = memo(() => parts(), (archived?: boolean) => shownConversations(core._state, archived));
  const messages = memo(
    (key: string) => parts(key.split(" ")[0]),
    (key) => shownMessages(core._state, ...(key.split(" ") as [string, string?])),
  );

  const chat: Chat = {
    ...createChanges(core, request),
    ...createPages(core, request),
    ...outbox,
    ...signals,
    socket: connection._socket,
    userId: options.userId,
    state: () => core._state,
    subscribe: core._subscribe,
    dispatch: core._dispatch,
    rules: core._rules,
    save: persistence._save,
    request,
    connect(token) {
      options.token = token ?? options.token;
      void restored.then(connection._start);
    },
    disconnect() {
      connection._stop();
      core._status("offline");
    },
    async signOut() {
      connection._stop();
      _stop();
      core._set({ ...emptyState, status: "offline" });
      await persistence._clear();
      restored = persistence._restore(); // empty; what comes next is kept again
    },
    conversations: ({ archived } = {}) => conversations(archived),
    messages: (id, rootId = "") => messages(`${id} ${rootId}`),
    send(id, message) {
      signals.typing(id, false);
      return send(id, message);
    },
  };
  if (options.connect !== false) chat.connect();
  return chat;
}
