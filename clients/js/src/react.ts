// Hooks: each shows a part of a chat's state, and renders again when that part has changed.
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useSyncExternalStore, type ReactNode } from "react";
import type { Chat } from "./chat.js";
import { more, type More } from "./more.js";
import type { Draft, Problem, ShownMessage, Status } from "./types.js";
import type { ShownConversation } from "./views.js";

const Context = createContext<(Chat & More) | null>(null);

/** Gives the hooks below it their chat. */
export function ChatProvider({ chat, children }: { chat: Chat; children?: ReactNode }) {
  return createElement(Context.Provider, { value: more(chat) }, children);
}

export function useChat(): Chat & More {
  const chat = useContext(Context);
  if (!chat) throw new Error("There is no <ChatProvider> around this component.");
  return chat;
}

function useView<Value>(view: (chat: Chat & More) => Value): Value {
  const chat = useChat();
  const snapshot = () => view(chat);
  return useSyncExternalStore(chat.subscribe, snapshot, snapshot);
}

/** The state of the connection, and why the server refused. */
export function useConnection(): { status: Status; error: Problem | null } {
  const status = useView((chat) => chat.state().status);
  const error = useView((chat) => chat.state().error);
  return useMemo(() => ({ status, error }), [status, error]);
}

/** The conversations: pinned ones first, then by their latest message. */
export function useConversations(options?: { archived?: boolean }): ShownConversation[] {
  return useView((chat) => chat.conversations(options));
}

/** The messages of the conversation on the screen; `null` for none. What has been shown is marked as read unless `read` is false. */
export function useMessages(conversationId: string | null, { read = true } = {}) {
  const chat = useChat();
  const messages = useView((of) => (conversationId ? of.messages(conversationId) : nothing));
  const hasOlder = useView((of) => !!conversationId && !!of.state().conversations[conversationId]?.has_older);
  const lastSeq = useView((of) => (conversationId ? (of.state().conversations[conversationId]?.about.last_seq ?? 0) : 0));
  const loadOlder = useCallback(() => (conversationId ? chat.loadOlder(conversationId) : Promise.resolve(false)), [chat, conversationId]);
  useEffect(() => (conversationId ? chat.open(conversationId) : undefined), [chat, conversationId]);
  useEffect(() => {
    if (read && conversationId && lastSeq) chat.markRead(conversationId, lastSeq);
  }, [chat, conversationId, lastSeq, read]);
  return { messages, hasOlder, loadOlder };
}

const nothing: ShownMessage[] = [];

/** The replies of a thread, which are loaded. */
export function useThread(conversationId: string, rootId: string): ShownMessage[] {
  const chat = useChat();
  useEffect(() => {
    chat.loadThread({ id: rootId, conversation_id: conversationId }).catch(() => {}); // what is known is shown
  }, [chat, conversationId, rootId]);
  return useView((of) => of.messages(conversationId, rootId));
}

/** A function that sends to this conversation. */
export function useSend(conversationId: string): (message: string | Draft) => string {
  const chat = useChat();
  return useCallback((message) => chat.send(conversationId, message), [chat, conversationId]);
}

/** Unread messages of one conversation, or of all. */
export function useUnread(conversationId?: string): number {
  return useView((chat) => chat.unread(conversationId));
}

/** Who else is typing (user ids), and a function to call at each key. */
export function useTyping(conversationId: string): { userIds: string[]; typing: (isTyping?: boolean) => void } {
  const chat = useChat();
  const userIds = useView((of) => of.whoIsTyping(conversationId));
  const typing = useCallback((isTyping?: boolean) => chat.typing(conversationId, isTyping), [chat, conversationId]);
  return useMemo(() => ({ userIds, typing }), [userIds, typing]);
}

/** Whether these people are online, by user id; those of whom nothing is known yet are missing. */
export function usePresence(userIds: string[]): Record<string, { online: boolean; last_seen_at: string | null }> {
  const chat = useChat();
  const key = [...userIds].sort().join(" ");
  const presence = useView((of) => of.state().presence);
  const ids = useMemo(() => (key ? key.split(" ") : []), [key]);
  useEffect(() => chat.watchPresence(ids), [chat, ids]);
  return useMemo(() => Object.fromEntries(ids.flatMap((id) => (presence[id] ? [[id, presence[id]]] : []))), [ids, presence]);
}
