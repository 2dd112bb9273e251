// Preact and htm, as the components use them.
import { Component, h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { Component, Fragment, createContext, render } from "../vendor/preact.js";
export { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";

export const html = htm.bind(h);

/** A component that is drawn again only when one of its properties has changed. */
export function memo(part) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const names = new Set([...Object.keys(next), ...Object.keys(this.props)]);
      return [...names].some((name) => next[name] !== this.props[name]);
    }
    render() {
      return h(part, this.props);
    }
  };
}
