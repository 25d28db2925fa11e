import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { LivellmError } from "../core/error.ts";

/** Where the master key comes from. */
export interface MasterKeySource {
  /** `LIVELLM_MASTER_KEY`: exactly 64 hexadecimal digits. */
  readonly masterKeyHex?: string;
  /** Where `master.key` is kept; absent for a store in memory, whose key then lives as long as the process. */
  readonly dataFolder?: string;
  /** The database that is in that folder, or will be. */
  readonly databaseFile?: string;
  /** Whether servers elsewhere use the same database, so that all of them have to be given the same key. */
  readonly shared?: boolean;
}

const keyBytes = 32;
const makeOne = "make one with: openssl rand -hex 32";

/**
 * The 32 bytes that seal the stored secrets: those of `LIVELLM_MASTER_KEY`, else those of `<dataFolder>/master.key`, which
 * is made (mode 0600, with a warning) when it is missing, but for a shared database. Throws `failed_precondition`, never
 * showing the key.
 */
export async function loadMasterKey(source: MasterKeySource, warn: (message: string) => void): Promise<Uint8Array> {
  if (source.masterKeyHex !== undefined) return parseMasterKey(source.masterKeyHex);
  if (source.shared) throw sharedKeyMissing();
  if (source.dataFolder === undefined) return randomBytes(keyBytes);
  const file = path.join(source.dataFolder, "master.key");
  return (await readKeyFile(file, warn)) ?? (await makeFirstKey(file, source, warn));
}

/** Not for a database that is there already: a new key opens nothing of it, and would be taken for the right one later. */
async function makeFirstKey(
  file: string,
  { databaseFile }: MasterKeySource,
  warn: (message: string) => void,
): Promise<Uint8Array> {
  if (databaseFile === undefined || !(await isDatabase(databaseFile))) return makeKeyFile(file, warn);
  // Another process may have made both just now.
  const made = await readKeyFile(file, warn);
  if (made) return made;
  throw unusable(
    `the master key ${file} is missing, and the database ${databaseFile} is there: put the key back, or set ` +
      `LIVELLM_MASTER_KEY. If it is lost, begin with a new one (openssl rand -hex 32 > ${file}): a database whose API keys ` +
      "it does not open is refused, and has to be moved away",
  );
}

/** Whether a file begins as every database of SQLite does. */
async function isDatabase(file: string): Promise<boolean> {
  const magic = "SQLite format 3\0";
  try {
    await using handle = await open(file);
    const { buffer } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    return buffer.toString("latin1") === magic;
  } catch {
    return false; // what is wrong with it is said when it is opened
  }
}

/** A key made here would be one that the other servers do not have. */
export function sharedKeyMissing(): LivellmError {
  return unusable(`LIVELLM_MASTER_KEY must be set for a database that servers share: ${makeOne}`);
}

/** The key of `LIVELLM_MASTER_KEY`. Throws `failed_precondition`, never showing it. */
export function parseMasterKey(hex: string): Uint8Array {
  return parseKey(hex, "LIVELLM_MASTER_KEY");
}

/** The keys of `LIVELLM_OLD_MASTER_KEYS`, which only open. Throws `failed_precondition`, never showing one. */
export function parseOldKeys(keys: readonly string[]): readonly Uint8Array[] {
  return keys.map((hex) => parseKey(hex, "each of LIVELLM_OLD_MASTER_KEYS"));
}

function parseKey(hex: string, where: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) {
    throw unusable(`${where} must be exactly 64 hexadecimal digits; it has ${hex.length} characters: ${makeOne}`);
  }
  return Buffer.from(hex, "hex");
}

async function readKeyFile(file: string, warn: (message: string) => void): Promise<Uint8Array | undefined> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return undefined;
    throw unusable(`cannot read the master key in ${file} (${codeOf(error)})`, error);
  });
  if (text === undefined) return undefined;
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) warn(`${file} can be read by other users of this machine: chmod 600 ${file}`);
  return parseKey(text.trimEnd(), file);
}

async function makeKeyFile(file: string, warn: (message: string) => void): Promise<Uint8Array> {
  const key = randomBytes(keyBytes);
  const made = await writeOnce(file, `${key.toString("hex")}\n`).catch((error: unknown) => {
    throw unusable(`cannot write a master key to ${file} (${codeOf(error)}): set LIVELLM_MASTER_KEY`, error);
  });
  if (!made) return keyOfTheOther(file, warn);
  warn(
    `LIVELLM_MASTER_KEY is not set: made a key in ${file}. Keep a copy of it apart from the database: without it the ` +
      "stored API keys cannot be read",
  );
  return key;
}

/** Another process that started at the same time was faster. */
async function keyOfTheOther(file: string, warn: (message: string) => void): Promise<Uint8Array> {
  const key = await readKeyFile(file, warn);
  if (!key) throw unusable(`${file} was removed while it was read`);
  return key;
}

/** False when the file is there already. It appears with all of its text or not at all: hence the link. */
async function writeOnce(file: string, text: string): Promise<boolean> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    await writeDurably(draft, text);
    await link(draft, file);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  await using handle = await open(file, "wx", 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

function unusable(message: string, cause?: unknown): LivellmError {
  return new LivellmError("failed_precondition", "invalid_request", message, { cause });
}

function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
