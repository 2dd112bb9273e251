// Notifications while the page is closed: this browser's subscription, and the server's list of devices (docs/push.md).
import { go } from "./route.js";

const WORKER = "web/worker.js";
const isPossible = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

const registered = async () => (isPossible ? navigator.serviceWorker.getRegistration(WORKER) : undefined);
const subscribed = async () => (await registered())?.pushManager.getSubscription();

async function keyOf(chat) {
  const { body } = await chat.request("GET", "/push/vapid-key");
  return body.public_key;
}

/** Whether messages are pushed to this browser: `off`, `on`, `refused` by its user, or `impossible` here. */
export async function pushState(chat) {
  if (!isPossible || !(await keyOf(chat).catch(() => null))) return "impossible";
  if (Notification.permission === "denied") return "refused";
  return (await subscribed()) && Notification.permission === "granted" ? "on" : "off";
}

/** Ask for permission, in the handler of a click, and register this browser. */
export async function turnOn(chat) {
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return permission === "denied" ? "refused" : "off";
  await navigator.serviceWorker.register(WORKER);
  const worker = await active();
  const options = { userVisibleOnly: true, applicationServerKey: await keyOf(chat) };
  const known = await worker.pushManager.getSubscription();
  const subscription = await worker.pushManager.subscribe(options).catch(async (error) => {
    if (!known) throw error;
    await known.unsubscribe(); // made for another key
    return worker.pushManager.subscribe(options);
  });
  await register(chat, subscription);
  return "on";
}

/** Take this browser off the server's list, and end its subscription. */
export async function turnOff(chat) {
  const subscription = await subscribed();
  if (!subscription) return "off";
  const path = await pathOf(chat, subscription);
  await chat.request("DELETE", path).catch(() => {}); // the server forgets what its service calls dead
  await subscription.unsubscribe();
  return "off";
}

/** At each start: say again that this browser is here, and open what a notification leads to. Returns how to end that. */
export function followPush(chat) {
  if (!isPossible) return () => {};
  const open = ({ data }) => data?.conversationId && go(`c/${data.conversationId}`);
  navigator.serviceWorker.addEventListener("message", open);
  navigator.serviceWorker.startMessages();
  if (Notification.permission === "granted") subscribed().then((each) => each && register(chat, each)).catch(() => {});
  return () => navigator.serviceWorker.removeEventListener("message", open);
}

async function active() {
  const worker = await registered();
  const starting = worker.installing ?? worker.waiting;
  if (!worker.active && starting) await new Promise((resolve) => starting.addEventListener("statechange", () => worker.active && resolve()));
  return worker;
}

async function register(chat, subscription) {
  const { endpoint, keys } = subscription.toJSON();
  await chat.request("PUT", await pathOf(chat, subscription), { body: { service: "webpush", endpoint, keys } });
}

// The SHA-256 of the endpoint, which only who has the subscription can name.
async function pathOf(chat, { endpoint }) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  const token = btoa(String.fromCharCode(...new Uint8Array(hash))).replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
  return `/users/${chat.state().me.id}/devices/${token}`;
}
