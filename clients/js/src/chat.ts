import type { Socket } from "socket.io-client";
import { createChanges, type Changes } from "./changes.js";
import { createConnection } from "./connection.js";
import { createCore, type Options, type Token } from "./core.js";
import { createRequest, type Request } from "./http.js";
import { createOutbox, type Outbox } from "./outbox.js";
import { createPages, type Pages } from "./pages.js";
import { createPersistence } from "./persistence.js";
import type { UpdateSettings } from "./schema.js";
import { createSignals, type Signals } from "./signals.js";
import type { About, Conversation, Draft, Letter, ShownMessage, State } from "./types.js";
import { memo, shownConversations, shownMessages, shownThread, totalUnread, type ShownConversation } from "./views.js";

export interface Chat extends Changes, Pick<Outbox, "retry" | "discard">, Omit<Signals, "opened" | "stop" | "markDelivered">, Omit<Pages, "refresh"> {
  state(): State;
  /** Call the listener after each change of the state; returns how to end that. */
  subscribe(listener: () => void): () => void;
  /** Hear an event of the server as it arrives, known or not: for sounds and notices. Returns how to end that. */
  on(event: string, handler: (data: any) => void): () => void;

  /** Connect again: after `unauthorized`, or `disconnect()`. */
  connect(token?: Token): void;
  disconnect(): void;
  /** Disconnect and forget everything, also in the store. */
  signOut(): Promise<void>;
  /** Write to the store now, as before an app goes to the background; otherwise it happens a moment after each change. */
  save(): Promise<void>;
  /** The socket of socket.io-client: for events of the app's own. */
  readonly socket: Socket;

  conversations(options?: { archived?: boolean }): ShownConversation[];
  messages(conversationId: string): ShownMessage[];
  /** The replies that are known of a thread; `loadThread` brings them. */
  thread(conversationId: string, rootId: string): ShownMessage[];
  /** Unread messages of one conversation, or of all. */
  unread(conversationId?: string): number;
  /** Who else is typing: user ids. */
  whoIsTyping(conversationId: string): string[];

  /** Show a message at once and send it; returns its `client_id`. */
  send(conversationId: string, message: string | Draft): string;
  /** Make a request as the client's user: for whatever has no method here. */
  request: Request;
  createConversation(name: string, participantIds: string[]): Promise<About>;
  openDirect(otherUserId: string): Promise<About>;
  /** Change a conversation's name, description, settings, … */
  updateConversation(conversationId: string, changes: object): Promise<void>;
  /** Pin, archive or mute a conversation, for oneself alone. */
  updateSettings(conversationId: string, settings: Omit<UpdateSettings, "user_id">): Promise<void>;
  /** Mark this message and all after it as unread. */
  markUnread(conversationId: string, fromSeq: number): Promise<void>;
  addMembers(conversationId: string, userIds: string[]): Promise<void>;
  removeMember(conversationId: string, userId: string): Promise<void>;
  setRole(conversationId: string, userId: string, role: "owner" | "admin" | "member"): Promise<void>;
  /** Enter the conversation of an invite. */
  acceptInvite(code: string): Promise<About>;
  leave(conversationId: string): Promise<void>;
  deleteConversation(conversationId: string): Promise<void>;
  /** Upload a file; its `id` goes into the `attachments` of a message. */
  upload(file: Blob, name?: string): Promise<any>;
}

/** Connect to a chat server and stay in step with it. */
export function createChat(given: Options & { connect?: boolean }): Chat {
  const options = { ...given };
  const core = createCore(options);
  const handlers = new Map<string, Set<(data: any) => void>>();
  const persistence = createPersistence(core);
  const connection = createConnection(core, opened, heard);
  const request = createRequest(core, connection);
  const outbox = createOutbox(core, connection, persistence.save);
  const signals = createSignals(core, connection);
  const pages = createPages(core, request);
  let restored = persistence.restore();

  function opened() {
    signals.opened();
    outbox.pump();
  }

  function event(name: string, data: any) {
    core.dispatch({ type: "event", name, data, at: Date.now() });
  }

  function heard(name: string, data: any) {
    event(name, data);
    if (name === "message" && options.delivered !== false) signals.markDelivered(data.conversation_id);
    handlers.get(name)?.forEach((handler) => handler(data));
  }

  let status = core.state().status;
  core.subscribe(() => {
    const isLive = core.state().status === "live" && status !== "live";
    status = core.state().status;
    if (isLive && options.delivered !== false) Object.keys(core.state().conversations).forEach(signals.markDelivered);
  });

  const path = (id: string, rest = "") => `/conversations/${id}${rest}`;
  const member = (id: string, userId?: string) => path(id, `/participants/${userId}`);
  const view = {
    active: memo(shownConversations),
    archived: memo((...of: Parameters<typeof shownConversations>) => shownConversations(of[0], of[1], of[2], of[3], true)),
    messages: keyed((state: State, id: string) => [state.conversations[id], state.outbox, state.optimistic, state.me] as const, (_, id, ...of) =>
      shownMessages(...(of as Parameters<typeof shownMessages>)),
    ),
    thread: keyed((state: State, key: string) => [state.conversations[key.split(" ")[0]!], state.outbox, state.optimistic, state.me] as const, (state, key) =>
      shownThread(state, ...(key.split(" ") as [string, string])),
    ),
    typing: keyed((state: State, id: string) => [state.typing[id], state.me] as const, (state, id) =>
      Object.keys(state.typing[id] ?? {}).filter((user) => user !== state.me?.id),
    ),
  };

  function keyed<Value>(parts: (state: State, key: string) => readonly unknown[], make: (state: State, key: string, ...parts: any[]) => Value) {
    const kept = new Map<string, { parts: readonly unknown[]; value: Value }>();
    return (key: string): Value => {
      const [state, known] = [core.state(), kept.get(key)];
      const now = parts(state, key);
      if (known && now.every((each, index) => each === known.parts[index])) return known.value;
      const value = make(state, key, ...now);
      kept.set(key, { parts: now, value });
      return value;
    };
  }

  async function opens(where: string, body: object): Promise<About> {
    const { body: conversation } = await request("POST", where, { body });
    event("newConversation", { conversation_id: conversation.id, ...conversation });
    return conversation;
  }

  /** Make a request whose outcome a sync brings. */
  async function settle(...asked: Parameters<Request>) {
    await request(...asked);
    core.dispatch({ type: "stale" });
  }

  async function patch(conversation_id: string, where: string, changes: object, name: string) {
    const { body } = await request("PATCH", where, { body: changes });
    event(name, { ...body, conversation_id });
  }

  async function goes(id: string, name: string, where: string) {
    await request("DELETE", where);
    const version = (core.state().conversations[id]?.version ?? 0) + 1;
    event(name, { conversation_id: id, version });
  }

  const chat: Chat = {
    ...createChanges(core, request),
    socket: connection.socket,
    save: persistence.save,
    state: core.state,
    subscribe: core.subscribe,
    on(name, handler) {
      const known = handlers.get(name) ?? new Set();
      handlers.set(name, known.add(handler));
      return () => void known.delete(handler);
    },
    connect(token) {
      if (token !== undefined) options.token = token;
      void restored.then(connection.start);
    },
    disconnect() {
      connection.stop();
      core.setStatus("offline");
    },
    async signOut() {
      connection.stop();
      outbox.stop();
      signals.stop();
      core.dispatch({ type: "signedOut" });
      await persistence.clear();
      restored = persistence.restore(); // empty; what comes next is kept again
    },
    conversations({ archived } = {}) {
      const { conversations, outbox, optimistic, me } = core.state();
      return (archived ? view.archived : view.active)(conversations, outbox, optimistic, me);
    },
    messages: view.messages,
    thread: (conversationId, rootId) => view.thread(`${conversationId} ${rootId}`),
    unread: (id) => (id ? (core.state().conversations[id]?.about.unread_count ?? 0) : totalUnread(core.state())),
    whoIsTyping: view.typing,
    send(conversationId, message) {
      signals.typing(conversationId, false);
      return outbox.send(conversationId, message);
    },
    retry: outbox.retry,
    discard: outbox.discard,
    markRead: signals.markRead,
    typing: signals.typing,
    watchPresence: signals.watchPresence,
    loadOlder: pages.loadOlder,
    loadThread: pages.loadThread,
    open: pages.open,
    request,
    createConversation: (name, ids) => opens("/conversations/create", { group_name: name, participant_ids: ids, owner_id: options.userId }),
    openDirect: (other) => opens("/conversations/direct", { other_user_id: other }),
    updateConversation: (id, changes) => patch(id, path(id), changes, "conversationUpdated"),
    updateSettings: (id, settings) => patch(id, path(id, "/settings"), settings, "conversationSettings"),
    markUnread: (id, fromSeq) => settle("PUT", path(id, "/receipts"), { body: { unread_from: fromSeq } }),
    addMembers: (id, ids) => settle("POST", path(id, "/participants"), { body: { participant_ids: ids } }),
    removeMember: (id, userId) => settle("DELETE", member(id, userId)),
    setRole: (id, userId, role) => settle("PATCH", member(id, userId), { body: { role } }),
    acceptInvite: (code) => opens(`/invites/${encodeURIComponent(code)}`, {}),
    leave: (id) => goes(id, "removedFromConversation", member(id, core.state().me?.id)),
    deleteConversation: (id) => goes(id, "conversationDeleted", path(id)),
    async upload(file, name) {
      const form = new FormData();
      form.append("file", file, name);
      if (name) form.append("name", name);
      return (await request("POST", "/attachments", { form })).body;
    },
  };
  if (options.connect !== false) chat.connect();
  return chat;
}

export type { About, Conversation, Letter };
