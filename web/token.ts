import type { Interceptor } from "@connectrpc/connect";
import { find } from "./element.ts";

/** For this tab alone: it is forgotten with it, and never sent to anybody but the gateway. */
const key = "livellm.token";

/** The field for the token that the gateway may ask for; `changed` is called when there is another one. */
export function setUpToken(changed: () => void): void {
  const form = find("token-form", HTMLFormElement);
  const field = find("token", HTMLInputElement);
  field.value = token();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(key, field.value.trim());
    changed();
  });
}

/** Sends the token with every call. */
export const withToken: Interceptor = (next) => (request) => {
  if (token() !== "") request.header.set("authorization", `Bearer ${token()}`);
  return next(request);
};

/** What a WebSocket offers in place of the header that a page cannot set. */
export function tokenProtocols(): readonly string[] {
  return token() === "" ? [] : [`livellm.token.${token()}`];
}

function token(): string {
  return sessionStorage.getItem(key) ?? "";
}
