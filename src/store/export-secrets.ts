import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { LivellmError } from "../core/error.ts";
import type { Secret } from "../core/secret.ts";
import { createSealer, type Sealer } from "./sealing.ts";

/**
 * How the secrets of an export are kept: sealed with the master key of the store it comes from, sealed with a passphrase, or
 * plain, for everybody to read.
 */
export type ExportedSecrets =
  | { readonly form: "sealed" }
  | { readonly form: "passphrase"; readonly passphrase: Secret }
  | { readonly form: "plain" };

/** What an export says of its secrets. `check` is sealed as they are, and tells at once whether the key is the right one. */
export type SecretsHeader =
  | { readonly form: "sealed"; readonly check: string }
  | { readonly form: "passphrase"; readonly salt: string; readonly check: string }
  | { readonly form: "plain" };

const checkText = "livellm export";
const saltBytes = 16;

/** What seals an export's secrets, none for plain ones, and what it says of that. */
export async function sealExport(
  secrets: ExportedSecrets,
  storeSealer: Sealer,
): Promise<{ readonly header: SecretsHeader; readonly sealer: Sealer | undefined }> {
  if (secrets.form === "plain") return { header: { form: "plain" }, sealer: undefined };
  if (secrets.form === "sealed") {
    return { header: { form: "sealed", check: storeSealer.seal(checkText, checkText) }, sealer: storeSealer };
  }
  const salt = randomBytes(saltBytes).toString("base64url");
  const sealer = await passphraseSealer(secrets.passphrase, salt);
  return { header: { form: "passphrase", salt, check: sealer.seal(checkText, checkText) }, sealer };
}

/** What opens an export's secrets, none for plain ones. Throws `failed_precondition` when it would not. */
export async function openExport(
  header: SecretsHeader,
  { storeSealer, passphrase }: { readonly storeSealer: Sealer; readonly passphrase: Secret | undefined },
): Promise<Sealer | undefined> {
  if (header.form === "plain") return undefined;
  if (header.form === "passphrase" && !passphrase) throw unopened("its secrets are sealed with a passphrase: give it");
  const sealer = header.form === "sealed" ? storeSealer : await passphraseSealer(passphrase, header.salt);
  if (sealer.open(header.check, checkText) !== undefined) return sealer;
  throw unopened(
    header.form === "sealed"
      ? "its secrets are sealed with another master key: name that one in LIVELLM_OLD_MASTER_KEYS, or export with a passphrase"
      : "its secrets are sealed with another passphrase",
  );
}

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** scrypt (RFC 7914) with 128 MiB: about half a second for each guess. */
async function passphraseSealer(passphrase: Secret | undefined, salt: string): Promise<Sealer> {
  const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 };
  return createSealer(await derive(passphrase?.reveal() ?? "", Buffer.from(salt, "base64url"), 32, cost));
}

function unopened(why: string): LivellmError {
  return new LivellmError("failed_precondition", "invalid_request", `the export cannot be imported here: ${why}`);
}
