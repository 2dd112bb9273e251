import { html, useEffect, useState } from "../html.js";
import { ChatContext } from "../context.js";
import { forget, keep, keptSession, start } from "../session.js";
import { turnOff } from "../lib/push.js";
import { go } from "../lib/route.js";
import { Home } from "./Home.js";
import { Notices } from "./Notices.js";
import { SignIn } from "./SignIn.js";

/** Everything: the sign-in, or the chat of whoever is signed in. */
export function App({ how }) {
  const [session, setSession] = useState(keptSession);
  const [problem, setProblem] = useState("");
  const [chat, setChat] = useState(null);

  useEffect(() => {
    if (!session) return setChat(null);
    const made = start(session);
    const ended = made.subscribe(() => {
      const { status, error } = made.state();
      if (status === "unauthorized") end(made, error?.detail ?? "Sign in again.");
    });
    setChat(made);
    return () => {
      ended();
      made.disconnect();
    };
  }, [session]);

  function signedIn(fresh) {
    keep(fresh);
    setProblem("");
    setSession(fresh);
  }

  async function end(made, why = "") {
    if (!why) await turnOff(made).catch(() => {}); // while the server still knows whose it is
    forget();
    setProblem(why);
    setSession(null);
    if (!why) {
      go();
      await made.signOut();
    }
  }

  return html`
    ${session && chat && html`<${ChatContext.Provider} value=${chat}><${Home} onSignOut=${() => end(chat)} /></${ChatContext.Provider}>`}
    ${!session && html`<${SignIn} how=${how} problem=${problem} onSignedIn=${signedIn} />`}
    <${Notices} />
  `;
}
