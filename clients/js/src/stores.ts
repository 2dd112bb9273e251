// Where a client keeps what it knows. A store belongs to one user: name it after them.

/** A small map that survives a restart. */
export interface Store {
  /** Everything that was saved. */
  load(): Promise<Record<string, unknown>>;
  /** Save these values, drop the keys whose value is undefined: all of it, or nothing. `cursor` last where that cannot be. */
  save(changes: Record<string, unknown>): Promise<void>;
  /** Forget everything. */
  clear(): Promise<void>;
  /** Whether this client may write the state; of the tabs of one browser only one does. Each writes its unsent messages. */
  isMine?(): Promise<boolean>;
}

/** Keeps nothing beyond the process; for tests, and where nothing may be written. */
export function memoryStore(): Store {
  const kept = new Map<string, string>();
  return {
    load: async () => Object.fromEntries([...kept].map(([key, value]) => [key, JSON.parse(value)])),
    async save(changes) {
      for (const [key, value] of Object.entries(changes)) {
        if (value === undefined) kept.delete(key);
        else kept.set(key, JSON.stringify(value));
      }
    },
    clear: async () => kept.clear(),
  };
}

/** A browser's database. */
export function indexedDbStore(name: string): Store {
  let opened: Promise<IDBDatabase> | undefined;
  const open = () =>
    (opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("kept");
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }));

  async function run<Value>(mode: IDBTransactionMode, work: (kept: IDBObjectStore) => () => Value): Promise<Value> {
    const transaction = (await open()).transaction("kept", mode);
    const value = work(transaction.objectStore("kept"));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(value());
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }

  let mine: Promise<boolean> | undefined;
  return {
    load: () =>
      run("readonly", (kept) => {
        const [keys, values] = [kept.getAllKeys(), kept.getAll()];
        return () => Object.fromEntries(keys.result.map((key, index) => [String(key), values.result[index]]));
      }),
    save: (changes) =>
      run("readwrite", (kept) => {
        for (const [key, value] of Object.entries(changes)) {
          if (value === undefined) kept.delete(key);
          else kept.put(value, key);
        }
        return () => undefined;
      }),
    clear: () =>
      run("readwrite", (kept) => {
        kept.clear();
        return () => undefined;
      }),
    isMine: () => (mine ??= lock(`chat:${name}`)),
  };
}

// The first tab holds the lock until it is closed. Where there are no locks there is no second tab to fear, or no help.
function lock(name: string): Promise<boolean> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void locks.request(name, { ifAvailable: true }, (held) => {
      resolve(held !== null);
      return held && new Promise(() => {});
    });
  });
}

/** React Native's AsyncStorage, or anything else with these methods. */
export interface AsyncStorageLike {
  getAllKeys(): Promise<readonly string[]>;
  multiGet(keys: readonly string[]): Promise<readonly (readonly [string, string | null])[]>;
  multiSet(pairs: [string, string][]): Promise<void>;
  multiRemove(keys: readonly string[]): Promise<void>;
}

export function asyncStorageStore(storage: AsyncStorageLike, name: string): Store {
  const prefix = `${name}/`;
  const keys = async () => (await storage.getAllKeys()).filter((key) => key.startsWith(prefix));
  return {
    async load() {
      const pairs = await storage.multiGet(await keys());
      return Object.fromEntries(pairs.map(([key, value]) => [key.slice(prefix.length), JSON.parse(value ?? "null")]));
    },
    async save(changes) {
      const entries = Object.entries(changes);
      const set = entries.filter(([, value]) => value !== undefined);
      const pairs = (isCursor: boolean): [string, string][] =>
        set.filter(([key]) => (key === "cursor") === isCursor).map(([key, value]) => [prefix + key, JSON.stringify(value)]);
      const gone = entries.filter(([, value]) => value === undefined).map(([key]) => prefix + key);
      if (pairs(false).length) await storage.multiSet(pairs(false));
      if (gone.length) await storage.multiRemove(gone);
      if (pairs(true).length) await storage.multiSet(pairs(true)); // never before what it promises
    },
    async clear() {
      await storage.multiRemove(await keys());
    },
  };
}
