// What the parts of a client share: its options, its state, and the way to change it.
import { emptyState, reduce, type Action, type Rule } from "./reducer.js";
import type { Store } from "./stores.js";
import type { Problem, State, Status } from "./types.js";

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
  /** How many changed messages of one conversation a sync brings before it starts afresh. Default: 50. */
  limit?: number;
  /** More options for socket.io-client, as in `{transports: ["websocket"]}`. */
  socket?: Record<string, unknown>;
  /** Hears what fails without anybody waiting for it, as in a store that is full. */
  onError?: (error: unknown) => void;
}

/** Names that begin with `_` are the library's own: the build shortens them. */
export interface Core {
  readonly _options: Options;
  _state: State;
  /** Rules beyond those of the library. */
  readonly _rules: Set<Rule>;
  _dispatch(action: Action): void;
  /** Say how the connection is. */
  _status(status: Status, error?: Problem | null): void;
  _set(state: Partial<State>): void;
  /** Take an event, or an answer that counts like one. */
  _event(name: string, data: any): void;
  /** Call the listener after each change; returns how to end that. */
  _subscribe(listener: () => void): () => void;
  _report(error: unknown): void;
}

export const createCore = (_options: Options): Core => {
  const listeners = new Set<() => void>();
  const core: Core = {
    _options,
    _state: emptyState,
    _rules: new Set(),
    _dispatch(action) {
      const next = reduce(core._state, action, core._rules);
      if (next === core._state) return;
      core._state = next;
      listeners.forEach((listener) => listener());
    },
    _status: (status, error = null) => core._set({ status, error }),
    _set: (state) => core._dispatch({ type: "set", state }),
    _event: (name, data) => core._dispatch({ type: "event", name, data, at: Date.now() }),
    _subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    _report: (error) => _options.onError?.(error),
  };
  return core;
};

export const now = () => new Date().toISOString();

/** How long to wait before a try: as the server says, or twice as long each time, up to half a minute, never all clients at once. */
export const backoff = (tries: number, retryAfter = 0) => retryAfter * 1000 || Math.min(30_000, 500 * 2 ** tries) * (0.5 + Math.random() / 2);

/** A timer that runs one thing at a time: what is asked for while it runs is left out. */
export interface Timer {
  _start(then: () => unknown, milliseconds: number): void;
  _stop(): void;
}

export const createTimer = (): Timer => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    _start(then, milliseconds) {
      timer ??= setTimeout(() => {
        timer = undefined;
        then();
      }, milliseconds);
    },
    _stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
};
