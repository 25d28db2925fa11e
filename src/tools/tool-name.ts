import { createHash } from "node:crypto";

/** What every vendor takes as the name of a function. */
const accepted = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/**
 * The name a model gets for a tool of an MCP server. One that vendors would refuse has what they refuse replaced and ends
 * in eight hex digits of its SHA-256, so that it is the same in every run and no two names become one.
 */
export function modelNameOf(name: string): string {
  if (accepted.test(name)) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  const readable = name.replace(/[^A-Za-z0-9_-]/g, "_").replace(/^(?=[^A-Za-z_])/, "_");
  return `${readable.slice(0, 55)}_${digest}`;
}
