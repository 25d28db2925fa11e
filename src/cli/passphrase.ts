import { Secret } from "../core/secret.ts";
import { readSecretFile } from "./connection.ts";
import type { Terminal } from "./terminal.ts";

/** How the commands that need one take it. */
export interface PassphraseOptions {
  readonly passphraseFile?: string;
}

/** `--passphrase-file`, else `LIVELLM_EXPORT_PASSPHRASE`; never from the command line. Undefined when there is none. */
export function passphraseOf({ passphraseFile }: PassphraseOptions, { environment }: Terminal): Secret | undefined {
  const passphrase =
    passphraseFile === undefined
      ? environment.LIVELLM_EXPORT_PASSPHRASE
      : readSecretFile(passphraseFile, "the passphrase");
  return passphrase ? new Secret(passphrase) : undefined;
}
