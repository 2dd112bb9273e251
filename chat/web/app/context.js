// The chat that is signed in, for every component.
import { createContext, useContext, useLayoutEffect, useRef, useState } from "./html.js";

export const ChatContext = createContext(null);

export const useChat = () => useContext(ChatContext);

/** What `read(chat)` returns, drawn again when it is another object. */
export function useChatState(read) {
  const chat = useChat();
  const [, redraw] = useState(0);
  const value = read(chat);
  const shown = useRef(null);
  shown.current = { value, read };
  useLayoutEffect(() => {
    const check = () => {
      if (!Object.is(shown.current.read(chat), shown.current.value)) redraw((times) => times + 1);
    };
    check();
    return chat.subscribe(check);
  }, [chat]);
  return value;
}

export const useMe = () => useChatState((chat) => chat.state().me) ?? { id: "", username: "" };
export const useConversation = (id) => useChatState((chat) => chat.state().conversations[id]);
