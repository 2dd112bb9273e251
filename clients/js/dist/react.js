// src/react.ts
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useSyncExternalStore } from "react";
import { more } from "./more.js";
var Context = createContext(null);
function ChatProvider({ chat, children }) {
  return createElement(Context.Provider, { value: more(chat) }, children);
}
function useChat() {
  const chat = useContext(Context);
  if (!chat) throw new Error("There is no <ChatProvider> around this component.");
  return chat;
}
function useView(view) {
  const chat = useChat();
  const snapshot = () => view(chat);
  return useSyncExternalStore(chat.subscribe, snapshot, snapshot);
}
function useConnection() {
  const status = useView((chat) => chat.state().status);
  const error = useView((chat) => chat.state().error);
  return useMemo(() => ({ status, error }), [status, error]);
}
function useConversations(options) {
  return useView((chat) => chat.conversations(options));
}
function useMessages(conversationId, { read = true } = {}) {
  const chat = useChat();
  const messages = useView((of) => conversationId ? of.messages(conversationId) : nothing);
  const hasOlder = useView((of) => !!conversationId && !!of.state().conversations[conversationId]?.has_older);
  const lastSeq = useView((of) => conversationId ? of.state().conversations[conversationId]?.about.last_seq ?? 0 : 0);
  const loadOlder = useCallback(() => conversationId ? chat.loadOlder(conversationId) : Promise.resolve(false), [chat, conversationId]);
  useEffect(() => conversationId ? chat.open(conversationId) : void 0, [chat, conversationId]);
  useEffect(() => {
    if (read && conversationId && lastSeq) chat.markRead(conversationId, lastSeq);
  }, [chat, conversationId, lastSeq, read]);
  return { messages, hasOlder, loadOlder };
}
var nothing = [];
function useThread(conversationId, rootId) {
  const chat = useChat();
  useEffect(() => {
    chat.loadThread({ id: rootId, conversation_id: conversationId }).catch(() => {
    });
  }, [chat, conversationId, rootId]);
  return useView((of) => of.messages(conversationId, rootId));
}
function useSend(conversationId) {
  const chat = useChat();
  return useCallback((message) => chat.send(conversationId, message), [chat, conversationId]);
}
function useUnread(conversationId) {
  return useView((chat) => chat.unread(conversationId));
}
function useTyping(conversationId) {
  const chat = useChat();
  const userIds = useView((of) => of.whoIsTyping(conversationId));
  const typing = useCallback((isTyping) => chat.typing(conversationId, isTyping), [chat, conversationId]);
  return useMemo(() => ({ userIds, typing }), [userIds, typing]);
}
function usePresence(userIds) {
  const chat = useChat();
  const key = [...userIds].sort().join(" ");
  const presence = useView((of) => of.state().presence);
  const ids = useMemo(() => key ? key.split(" ") : [], [key]);
  useEffect(() => chat.watchPresence(ids), [chat, ids]);
  return useMemo(() => Object.fromEntries(ids.flatMap((id) => presence[id] ? [[id, presence[id]]] : [])), [ids, presence]);
}
export {
  ChatProvider,
  useChat,
  useConnection,
  useConversations,
  useMessages,
  usePresence,
  useSend,
  useThread,
  useTyping,
  useUnread
};
