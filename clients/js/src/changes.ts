// Editing, deleting and reacting: shown at once, taken back when the server refuses.
import { now, type Core } from "./core.js";
import type { Request } from "./http.js";
import { find, react, reactionOf, tombstone } from "./messages.js";
import type { Message, Optimistic, ShownMessage } from "./types.js";

export type Target = Pick<Message, "id" | "conversation_id">;
export type Edit = Partial<Pick<Message, "message" | "mentions" | "custom">> & { attachments?: string[] };

export interface Changes {
  edit(message: Target, edit: string | Edit): Promise<Message>;
  remove(message: Target): Promise<Message>;
  react(message: Target, emoji: string, added?: boolean): Promise<Message>;
}

export const createChanges = (core: Core, request: Request): Changes => {
  const last = new Map<string, Promise<unknown>>(); // what is under way, by message: one after the other

  const ask = async (target: Target, change: (message: ShownMessage) => ShownMessage, method: string, path = "", body?: object): Promise<Message> => {
    const { conversation_id, id: message_id } = target;
    const shown: Optimistic = { conversation_id, message_id, change };
    const show = (...changed: Optimistic[]) => core._set({ optimistic: [...core._state.optimistic.filter((each) => each !== shown), ...changed] });
    show(shown);
    // The version that its author saw: 409 version_conflict when another device edited it meanwhile.
    const version = () => find(core._state.conversations[conversation_id], message_id)?.version;
    const send = () => request<Message>(method, `/messages/${message_id}${path}`, { body: body && { ...body, version: version() } });
    const answer = Promise.resolve(last.get(message_id)).then(send, send);
    last.set(message_id, answer);
    try {
      const { body } = await answer;
      core._event("messageUpdated", body);
      show({ ...shown, version: body.version }); // until the conversation has come to it
      return body;
    } catch (error) {
      show();
      throw error;
    }
  };

  return {
    edit(target, edit) {
      const body = typeof edit === "string" ? { message: edit } : edit;
      const { attachments, custom, ...shown } = body;
      const edited_at = now();
      return ask(target, (message) => ({ ...message, ...shown, edited_at }), "PATCH", "", body);
    },
    remove(target) {
      const deleted_at = now();
      return ask(target, (message) => tombstone(message, deleted_at), "DELETE");
    },
    react(target, emoji, added = true) {
      const user_id = core._state.me?.id;
      const change = (message: ShownMessage) => {
        const { count = 0, me = false } = reactionOf(message, emoji) ?? {};
        return me === added ? message : react(message, { emoji, user_id, added, count: count + (added ? 1 : -1) }, user_id);
      };
      return ask(target, change, added ? "PUT" : "DELETE", `/reactions/${encodeURIComponent(emoji)}`);
    },
  };
};
