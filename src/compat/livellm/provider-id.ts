const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$/;
const encoded = "uid:";

/**
 * The id here of a provider that livellm's clients call by a `uid`, which is free text there. A uid that can be an id is one;
 * any other is written in base64url behind `uid:`.
 */
export function idOfUid(uid: string): string {
  if (idPattern.test(uid) && !uid.startsWith(encoded)) return uid;
  return encoded + Buffer.from(uid).toString("base64url");
}

/** The reverse of {@link idOfUid}. */
export function uidOfId(id: string): string {
  return id.startsWith(encoded) ? Buffer.from(id.slice(encoded.length), "base64url").toString("utf8") : id;
}
