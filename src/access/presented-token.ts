/**
 * The token in an `authorization` header: that of `Bearer`, or the password of `Basic`, which is where a client puts one that
 * it was given in a URL (RFC 6750, RFC 7617). Undefined when there is none.
 */
export function presentedToken(authorization: string | null | undefined): string | undefined {
  const [, scheme = "", credentials = ""] = /^([A-Za-z]+) +(.+?) *$/.exec(authorization ?? "") ?? [];
  switch (scheme.toLowerCase()) {
    case "bearer":
      return credentials;
    case "basic":
      return passwordOf(credentials);
    default:
      return undefined;
  }
}

/** What is behind the first colon; an empty password is none. */
function passwordOf(credentials: string): string | undefined {
  const text = Buffer.from(credentials, "base64").toString();
  const colon = text.indexOf(":");
  return colon === -1 ? undefined : text.slice(colon + 1) || undefined;
}
