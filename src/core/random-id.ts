import { randomBytes } from "node:crypto";

/** An id that nobody has had before: the prefix and 128 random bits, in letters every vendor takes. */
export function randomId(prefix: string): string {
  return `${prefix}_${randomBytes(16).toString("hex")}`;
}
