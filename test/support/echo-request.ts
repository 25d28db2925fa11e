/** A request to the model echo, in JSON names; valid for Run and RunStream. */
export function echoRequest(text: string, options?: object): object {
  return requestTo([{ provider: "local", model: "echo", ...(options && { options }) }], text);
}

/** A request with these targets. */
export function requestTo(targets: readonly object[], text = "Hello!"): object {
  return { route: { targets }, messages: [{ text }] };
}
