import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Seals a secret so that it can be kept beside its owner's other data, and nowhere else. */
export interface Sealer {
  /** Sealing twice gives different texts. `owner`, a provider's id, must be the same at `open`. */
  seal(plaintext: string, owner: string): string;
  /** Undefined when it was sealed with another key or for another owner, or has been changed. */
  open(sealed: string, owner: string): string | undefined;
  /** Whether it opens with the key that now seals, so that the old ones are not needed for it. */
  isCurrent(sealed: string, owner: string): boolean;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
/** A later way of sealing gets another prefix, and this one stays readable. */
const prefix = "v1.";

/**
 * AES-256-GCM; keys have 32 bytes. Sealed is `v1.` and base64url of nonce, tag, ciphertext. `oldKeys` open what they sealed,
 * and seal nothing.
 */
export function createSealer(masterKey: Uint8Array, oldKeys: readonly Uint8Array[] = []): Sealer {
  const openWith = (keys: readonly Uint8Array[], sealed: string, owner: string): string | undefined => {
    const bytes = Buffer.from(sealed.slice(prefix.length), "base64url");
    if (!sealed.startsWith(prefix) || bytes.length < nonceBytes + tagBytes) return undefined;
    for (const key of keys) {
      const text = decipher(key, bytes, owner);
      if (text !== undefined) return text;
    }
    return undefined;
  };
  return {
    seal: (plaintext, owner) => {
      // 96 random bits: NIST SP 800-38D allows 2^32 sealings with one key, far above what a configuration sees.
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, masterKey, nonce).setAAD(Buffer.from(owner));
      const text = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64url");
    },
    open: (sealed, owner) => openWith([masterKey, ...oldKeys], sealed, owner),
    isCurrent: (sealed, owner) => openWith([masterKey], sealed, owner) !== undefined,
  };
}

function decipher(masterKey: Uint8Array, bytes: Buffer, owner: string): string | undefined {
  const decipher = createDecipheriv(algorithm, masterKey, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
    .setAAD(Buffer.from(owner))
    .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  const start = decipher.update(bytes.subarray(nonceBytes + tagBytes));
  try {
    return Buffer.concat([start, decipher.final()]).toString("utf8");
  } catch {
    return undefined; // final() throws when the tag does not fit, which is the answer here
  }
}
