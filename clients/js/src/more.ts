// What not every app needs. `more(chat)` keeps read receipts, typing, presence and profiles up to date, and adds methods for
// threads, pins, files, members, settings and invites.
import type { Target } from "./changes.js";
import type { Chat } from "./chat.js";
import { createTimer } from "./core.js";
import { follow } from "./follow.js";
import { entries, fromEntries, keys, values } from "./object.js";
import { createScreens, reportDelivered } from "./receipts.js";
import type { UpdateSettings } from "./schema.js";
import type { About, Message } from "./types.js";
import { memo } from "./views.js";

export { follow };

export interface MoreOptions {
  /** Whether messages that arrive are reported as delivered. Default: true. */
  delivered?: boolean;
  /** Hears what fails without anybody waiting for it. */
  onError?: (error: unknown) => void;
}

export interface More {
  /** Keep what the screen of a conversation needs, as how far the others have read (`receipts`); returns how to end that. */
  open(conversationId: string): () => void;
  /** Unread messages of one conversation, or of all. */
  unread(conversationId?: string): number;
  /** Who else is typing: user ids. */
  whoIsTyping(conversationId: string): string[];
  /** Load the replies of a thread before this number, or the newest; returns whether there are older ones. `messages(id, rootId)` shows them. */
  loadThread(root: Target, beforeSeq?: number, limit?: number): Promise<boolean>;
  /** Show whether these people are online (`state().presence`); returns how to end that. */
  watchPresence(userIds: string[]): () => void;
  pin(message: Target, pinned?: boolean): Promise<Message>;
  /** Upload a file; its `id` goes into the `attachments` of a message. */
  upload(file: Blob, name?: string): Promise<any>;
  createConversation(name: string, participantIds: string[]): Promise<About>;
  openDirect(otherUserId: string): Promise<About>;
  /** Enter the conversation of an invite. */
  acceptInvite(code: string): Promise<About>;
  /** Enter a public conversation. */
  join(conversationId: string): Promise<About>;
  /** Change a conversation's name, description, settings, … */
  updateConversation(conversationId: string, changes: object): Promise<void>;
  /** Pin, archive or mute a conversation, or say what notifies, for oneself alone. */
  updateSettings(conversationId: string, settings: Omit<UpdateSettings, "user_id">): Promise<void>;
  /** Mark this message and all after it as unread. */
  markUnread(conversationId: string, fromSeq: number): Promise<void>;
  addMembers(conversationId: string, userIds: string[]): Promise<void>;
  removeMember(conversationId: string, userId: string): Promise<void>;
  setRole(conversationId: string, userId: string, role: "owner" | "admin" | "member"): Promise<void>;
  leave(conversationId: string): Promise<void>;
  deleteConversation(conversationId: string): Promise<void>;
}

const MOST_TRIES = 3;
const MOST_WATCHED = 200;
/** Milliseconds: what has just been read is on its way for so long, and would undo that it is marked unread. */
const READ_PAUSE = 500;
/** A member's own: an answer to a request has it as it was then. */
const OWN = ["unread_count", "last_read_seq", "last_delivered_seq", "pinned", "archived", "muted_until", "notifications"];

/** The same chat, with these methods. */
export function more(chat: Chat, options: MoreOptions = {}): Chat & More {
  return "whoIsTyping" in chat ? (chat as Chat & More) : Object.assign(chat, createMore(chat, options));
}

function createMore(chat: Chat, { delivered = true, onError = () => {} }: MoreOptions): More {
  const { request, state, dispatch, subscribe, socket } = chat;
  chat.rules.add(follow);
  if (delivered) reportDelivered(chat);
  forgetTyping(chat);
  const event = (name: string, data: any) => dispatch({ type: "event", name, data, at: Date.now() });
  const path = (id: string, rest = "") => `/conversations/${id}${rest}`;
  const member = (id: string, userId?: string) => path(id, `/participants/${userId}`);

  async function opens(where: string, body: object): Promise<About> {
    const { body: conversation } = await request("POST", where, { body });
    event("newConversation", { ...shared(conversation), conversation_id: conversation.id });
    return conversation;
  }

  /** Make a request whose outcome a sync brings. */
  async function settle(...asked: Parameters<typeof request>) {
    await request(...asked);
    dispatch({ type: "set", state: { needs_sync: true } });
  }

  async function patch(conversation_id: string, where: string, changes: object, name: string) {
    const { body } = await request("PATCH", where, { body: changes });
    event(name, { ...(name === "conversationSettings" ? body : shared(body)), conversation_id });
  }

  async function goes(id: string, name: string, where: string) {
    await request("DELETE", where);
    const version = (state().conversations[id]?.version ?? 0) + 1;
    event(name, { conversation_id: id, version });
  }

  return {
    open: createScreens(chat, onError),
    unread: (id) => values(state().conversations).reduce((total, { about }) => total + (id && about.id !== id ? 0 : about.unread_count), 0),
    whoIsTyping: memo(
      (id) => [state().typing[id], state().me],
      (id) => keys(state().typing[id] ?? {}).filter((user) => user !== state().me?.id),
    ),
    watchPresence: createPresence(),
    async loadThread({ id, conversation_id }, before_seq, limit = 50) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const asked = state().conversations[conversation_id]?.version ?? 0;
        const { body: messages, headers } = await request<Message[]>("GET", `/messages/${id}/thread`, { query: { before_seq, limit } });
        dispatch({ type: "page", conversation_id, messages, asked });
        if ((state().conversations[conversation_id]?.changed_below ?? 0) <= asked) {
          const said = headers.get("X-Has-More-Before"); // hidden from a browser by some proxies
          return said ? said === "true" : messages.length >= limit;
        }
      }
      return true;
    },
    async pin({ id }, pinned = true) {
      const { body } = await request<Message>(pinned ? "PUT" : "DELETE", `/messages/${id}/pin`);
      event("messageUpdated", body);
      return body;
    },
    async upload(file, name) {
      const form = new FormData();
      form.append("file", file, name);
      if (name) form.append("name", name);
      if (chat.userId) form.append("user_id", chat.userId);
      return (await request("POST", "/attachments", { form })).body;
    },
    createConversation: (group_name, participant_ids) =>
      opens("/conversations/create", { group_name, participant_ids, owner_id: chat.userId ?? state().me?.id }),
    openDirect: (other_user_id) => opens("/conversations/direct", { other_user_id }),
    acceptInvite: (code) => opens(`/invites/${encodeURIComponent(code)}`, {}),
    join: (id) => opens(path(id, "/join"), {}),
    updateConversation: (id, changes) => patch(id, path(id), changes, "conversationUpdated"),
    updateSettings: (id, settings) => patch(id, path(id, "/settings"), settings, "conversationSettings"),
    async markUnread(id, unread_from) {
      await new Promise((resume) => setTimeout(resume, READ_PAUSE));
      await settle("PUT", path(id, "/receipts"), { body: { unread_from } });
    },
    addMembers: (id, participant_ids) => settle("POST", path(id, "/participants"), { body: { participant_ids } }),
    removeMember: (id, userId) => settle("DELETE", member(id, userId)),
    setRole: (id, userId, role) => settle("PATCH", member(id, userId), { body: { role } }),
    leave: (id) => goes(id, "removedFromConversation", member(id, chat.userId ?? state().me?.id)),
    deleteConversation: (id) => goes(id, "conversationDeleted", path(id)),
  };

  function createPresence() {
    const watched = new Map<string, number>(); // user → how many watch
    let soon: ReturnType<typeof setTimeout> | undefined;
    let wasLive = false;

    async function watch() {
      soon = undefined;
      if (!wasLive) return; // once it is, it begins anew
      const user_ids = [...watched.keys()].slice(0, MOST_WATCHED);
      const answer = await socket.timeout(10_000).emitWithAck("watchPresence", { user_ids }).catch(() => ({}));
      for (const each of answer.presence ?? []) event("presence", each);
    }

    function count(userIds: string[], by: number) {
      for (const id of userIds) {
        const next = (watched.get(id) ?? 0) + by;
        if (next > 0) watched.set(id, next);
        else watched.delete(id);
      }
      soon ??= setTimeout(watch, 50);
    }

    subscribe(() => {
      const isLive = state().status === "live";
      const hasBegun = isLive && !wasLive;
      wasLive = isLive;
      if (hasBegun && watched.size) void watch();
    });
    wasLive = state().status === "live";
    return (userIds: string[]) => {
      count(userIds, 1);
      return () => count(userIds, -1);
    };
  }
}

const shared = (conversation: object) => fromEntries(entries(conversation).filter(([name]) => !OWN.includes(name)));

// Who does not say that they go on typing has stopped.
function forgetTyping({ state, subscribe, dispatch }: Chat): void {
  const timer = createTimer();
  subscribe(() => {
    const ends = values(state().typing).flatMap((users) => values(users));
    if (!ends.length) return;
    const expire = () => {
      const still = (users: Readonly<Record<string, number>>) => fromEntries(entries(users).filter(([, until]) => until > Date.now()));
      dispatch({ type: "set", state: { typing: fromEntries(entries(state().typing).map(([id, users]) => [id, still(users)])) } });
    };
    timer._start(expire, Math.max(50, Math.min(...ends) - Date.now()));
  });
}
