import { Component, html } from "../html.js";
import { Avatar } from "./Avatar.js";

const MOST = 6;

/** The mention that is being written at the caret: where it starts and what there is of it. */
export function mentionAt(text, caret) {
  const match = /(^|\s)@([^\s@]{0,30})$/.exec(text.slice(0, caret));
  return match && { start: caret - match[2].length - 1, part: match[2] };
}

/** Those who can be mentioned; arrows, Enter and Tab choose, Escape does not. */
export class MentionList extends Component {
  state = { at: 0, isClosed: false };

  // The composer asks it first about every key.
  componentDidMount() {
    this.props.keys.current = (event) => this.press(event);
  }

  componentWillUnmount() {
    this.props.keys.current = null;
  }

  found() {
    const part = this.props.part.toLowerCase();
    return this.props.people.filter((each) => each.username.toLowerCase().includes(part)).slice(0, MOST);
  }

  /** Take a key of the composer; returns whether it was for the list. */
  press(event) {
    const found = this.found();
    if (!found.length || this.state.isClosed) return false;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) this.setState({ at: (this.state.at + steps[event.key] + found.length) % found.length });
    else if (event.key === "Enter" || event.key === "Tab") this.props.onPick(found[Math.min(this.state.at, found.length - 1)]);
    else if (event.key === "Escape") this.setState({ isClosed: true });
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  render() {
    const found = this.found();
    if (!found.length || this.state.isClosed) return null;
    return html`
      <ul class="mentions" role="listbox" aria-label="Mention">
        ${found.map(
          (user, index) => html`<li key=${user.id} role="option" aria-selected=${index === this.state.at} onMouseDown=${(event) => (event.preventDefault(), this.props.onPick(user))}>
            <${Avatar} id=${user.id} name=${user.username} address=${user.avatar_url} />${user.username}
          </li>`,
        )}
      </ul>
    `;
  }
}
