import { createHash } from "node:crypto";
import type { ToolCallIds } from "./dialect.ts";

/**
 * The id under which a vendor takes a tool call: the same, or where its alphabet differs a digest in letters and digits,
 * which is the same for the call and its result without keeping a table.
 */
export function acceptedId(id: string, { pattern, length }: ToolCallIds): string {
  if (pattern.test(id)) return id;
  const digest = createHash("sha256").update(id).digest();
  return Array.from(digest, (byte) => alphabet.charAt(byte % alphabet.length))
    .join("")
    .slice(0, length);
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
