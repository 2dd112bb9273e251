// src/stores.ts
function memoryStore() {
  const kept = /* @__PURE__ */ new Map();
  return {
    load: async () => Object.fromEntries([...kept].map(([key, value]) => [key, JSON.parse(value)])),
    async save(changes) {
      for (const [key, value] of Object.entries(changes)) {
        if (value === void 0) kept.delete(key);
        else kept.set(key, JSON.stringify(value));
      }
    },
    clear: async () => kept.clear()
  };
}
function indexedDbStore(name) {
  let opened;
  const open = () => opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("kept");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  async function run(mode, work) {
    const transaction = (await open()).transaction("kept", mode);
    const value = work(transaction.objectStore("kept"));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(value());
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
  let mine;
  return {
    load: () => run("readonly", (kept) => {
      const [keys, values] = [kept.getAllKeys(), kept.getAll()];
      return () => Object.fromEntries(keys.result.map((key, index) => [String(key), values.result[index]]));
    }),
    save: (changes) => run("readwrite", (kept) => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === void 0) kept.delete(key);
        else kept.put(value, key);
      }
      return () => void 0;
    }),
    clear: () => run("readwrite", (kept) => {
      kept.clear();
      return () => void 0;
    }),
    isMine: () => mine ??= lock(`chat:${name}`)
  };
}
function lock(name) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void locks.request(name, { ifAvailable: true }, (held) => {
      resolve(held !== null);
      return held && new Promise(() => {
      });
    });
  });
}
function asyncStorageStore(storage, name) {
  const prefix = `${name}/`;
  const keys = async () => (await storage.getAllKeys()).filter((key) => key.startsWith(prefix));
  return {
    async load() {
      const pairs = await storage.multiGet(await keys());
      return Object.fromEntries(pairs.map(([key, value]) => [key.slice(prefix.length), JSON.parse(value ?? "null")]));
    },
    async save(changes) {
      const entries = Object.entries(changes);
      const set = entries.filter(([, value]) => value !== void 0);
      const pairs = (isCursor) => set.filter(([key]) => key === "cursor" === isCursor).map(([key, value]) => [prefix + key, JSON.stringify(value)]);
      const gone = entries.filter(([, value]) => value === void 0).map(([key]) => prefix + key);
      if (pairs(false).length) await storage.multiSet(pairs(false));
      if (gone.length) await storage.multiRemove(gone);
      if (pairs(true).length) await storage.multiSet(pairs(true));
    },
    async clear() {
      await storage.multiRemove(await keys());
    }
  };
}
export {
  asyncStorageStore,
  indexedDbStore,
  memoryStore
};
