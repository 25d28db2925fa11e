import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Where a database lives, and what can be done to it. */
export interface StoreDisk extends Disposable {
  /** The database's file. */
  readonly file: string;
  /** Whether it can be filled up: it is a small file system of its own. */
  readonly isSmall: boolean;
}

/** A folder of its own; as root a file system of 1 MiB in memory. */
export function makeStoreDisk(): StoreDisk {
  const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-store-"));
  const isSmall = mounted(folder);
  return {
    file: path.join(folder, "livellm.db"),
    isSmall,
    [Symbol.dispose]() {
      // Lazily: a gateway that has just been killed may still hold it.
      if (isSmall) execFileSync("umount", ["-l", folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function mounted(folder: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false; // not root, or not allowed here
  }
}

/** Takes all the room that is left on a small disk; disposing gives it back. */
export function fillDisk({ file }: StoreDisk): Disposable {
  const filling = `${file}.filling`;
  const descriptor = openSync(filling, "w");
  for (const size of [4_096, 1]) writeUntilFull(descriptor, Buffer.alloc(size));
  closeSync(descriptor);
  return { [Symbol.dispose]: () => rmSync(filling) };
}

function writeUntilFull(descriptor: number, piece: Buffer): void {
  try {
    while (writeSync(descriptor, piece) > 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
}

/** Takes the right to write, as another program may that works on the database. */
export function lockDatabase({ file }: StoreDisk): Disposable {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  database.exec("begin immediate");
  return {
    [Symbol.dispose]() {
      database.exec("rollback");
      database.close();
    },
  };
}
