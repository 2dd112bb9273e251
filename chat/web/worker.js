// Shows what is pushed while nobody has the page open, and opens the conversation when it is clicked.
const page = new URL("../", self.location);

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  const { title, body, data } = event.data.json();
  // The message's id as the tag: one that comes twice is shown once.
  event.waitUntil(self.registration.showNotification(title, { body: body ?? "", tag: data.message_id, data, icon: new URL("web/icon.svg", page).href }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.conversation_id));
});

async function open(conversationId) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const [known] = windows.filter((each) => new URL(each.url).pathname === page.pathname);
  if (!known) return self.clients.openWindow(`${page}#/c/${conversationId}`);
  known.postMessage({ conversationId });
  return known.focus();
}
