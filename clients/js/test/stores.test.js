// The stores keep, change, drop and forget; what a client keeps in them is what the next one starts with.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asyncStorageStore, indexedDbStore, memoryStore } from "../dist/stores.js";
import "fake-indexeddb/auto";

/** AsyncStorage as React Native has it; every call is noted. */
function fakeAsyncStorage() {
  const kept = new Map([["other/app", '"not ours"']]);
  const calls = [];
  return {
    kept,
    calls,
    getAllKeys: async () => [...kept.keys()],
    multiGet: async (keys) => keys.map((key) => [key, kept.get(key) ?? null]),
    multiSet: async (pairs) => (calls.push(pairs.map(([key]) => key)), pairs.forEach(([key, value]) => kept.set(key, value))),
    multiRemove: async (keys) => keys.forEach((key) => kept.delete(key)),
  };
}

const async = fakeAsyncStorage();
const stores = { memory: memoryStore(), IndexedDB: indexedDbStore("chat-ann"), AsyncStorage: asyncStorageStore(async, "chat-ann") };

for (const [name, store] of Object.entries(stores)) {
  test(`${name}: keeps what was saved`, async () => {
    assert.deepEqual(await store.load(), {});
    await store.save({ cursor: "e.1", "letter:1": { text: "🙂" }, "letter:2": {} });
    await store.save({ "letter:2": undefined, cursor: "e.2" });
    assert.deepEqual(await store.load(), { cursor: "e.2", "letter:1": { text: "🙂" } });
    await store.clear();
    assert.deepEqual(await store.load(), {});
  });
}

test("IndexedDB: another name is another store", async () => {
  await stores.IndexedDB.save({ cursor: "e.1" });
  assert.deepEqual(await indexedDbStore("chat-bob").load(), {});
  assert.deepEqual(await indexedDbStore("chat-ann").load(), { cursor: "e.1" });
});

test("AsyncStorage: the cursor is written last, and what belongs to others stays", async () => {
  async.calls.length = 0;
  await stores.AsyncStorage.save({ cursor: "e.1", "conversation:c": {} });
  assert.deepEqual(async.calls, [["chat-ann/conversation:c"], ["chat-ann/cursor"]]);
  await stores.AsyncStorage.clear();
  assert.deepEqual([...async.kept.keys()], ["other/app"]);
});
