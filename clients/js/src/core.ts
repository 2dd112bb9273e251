// What the parts of a client share: its options, its state, and the way to change it.
import { emptyState, reduce, type Action } from "./reducer.js";
import type { Store } from "./stores.js";
import type { State, Status } from "./types.js";

/** A token, or a function that returns a fresh one at each handshake; null: nobody is signed in any more. */
export type Token = string | (() => string | null | Promise<string | null>);

export interface Options {
  /** Where the server is, as in `https://chat.example.com`. */
  url: string;
  /** Who connects, where the server wants to see a token. */
  token?: Token;
  /** Who connects, in the server's open mode. */
  userId?: string;
  /** Where state and unsent messages survive a restart of the app; without one they do not. */
  store?: Store;
  /** Whether messages that arrive are reported as delivered. Default: true. */
  delivered?: boolean;
  /** How many changed messages of one conversation a sync brings before it starts afresh. Default: 50. */
  limit?: number;
  /** More options for socket.io-client, as in `{transports: ["websocket"]}`. */
  socket?: Record<string, unknown>;
  /** Hears what fails without anybody waiting for it, as in a store that is full. */
  onError?: (error: unknown) => void;
}

export interface Core {
  readonly options: Options;
  state(): State;
  dispatch(action: Action): void;
  setStatus(status: Status, error?: State["error"]): void;
  /** Call the listener after each change; returns how to end that. */
  subscribe(listener: () => void): () => void;
  report(error: unknown): void;
}

export function createCore(options: Options): Core {
  let state = emptyState;
  const listeners = new Set<() => void>();
  const core: Core = {
    options,
    state: () => state,
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      for (const listener of [...listeners]) listener();
    },
    setStatus(status, error = null) {
      if (status !== state.status || error !== state.error) core.dispatch({ type: "status", status, error });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    report: (error) => options.onError?.(error),
  };
  return core;
}

export const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** How long to wait before a try: twice as long each time, up to half a minute, never all clients at once. */
export const backoff = (tries: number) => Math.min(30_000, 500 * 2 ** tries) * (0.5 + Math.random() / 2);
