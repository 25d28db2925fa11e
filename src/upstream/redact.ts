import type { Secret } from "../core/secret.ts";

/** Keys as the vendors make them; some vendors repeat the refused key in the error they send. */
const lookLikeKeys = /\b(?:sk|pk|rk|gsk|xai)[-_][A-Za-z0-9_*.-]{8,}|\bAIza[A-Za-z0-9_-]{10,}|\bBearer\s+\S{8,}/g;

/** Makes a function that takes a provider's own secrets, and whatever looks like a key, out of a text. */
export function redactor(secrets: readonly Secret[]): (text: string) => string {
  const values = secrets
    .map((secret) => secret.reveal())
    .flatMap((value) => [value, value.replace(/^(?:Bearer|Basic)\s+/i, "")])
    .filter((value) => value.length >= 4);
  return (text) =>
    values.reduce((rest, value) => rest.replaceAll(value, "[secret]"), text).replace(lookLikeKeys, "[secret]");
}
