import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { StoreDisk } from "./store-disk.ts";

/** A disk of its own, that can fail as disks do. */
export interface FailingDisk extends StoreDisk {
  /** The kernel finds an error on it, and from then on nothing is written any more, with files open or not. */
  fail(): void;
  /** Takes it away and puts it back, which the programs that had it open have to be gone for. */
  putBack(): void;
}

const diskBytes = 8 * 2 ** 20;

/**
 * ext4 in a file, with `errors=remount-ro`. Its own switch for tests makes the error (`trigger_fs_error`, of the kernel's
 * Documentation/ABI/testing/sysfs-fs-ext4): to mount a file system read-only is refused while a file of it is open for writing.
 * Undefined where that cannot be had: it takes root, Linux, mkfs.ext4 and a loop device.
 */
export function makeFailingDisk(): FailingDisk | undefined {
  const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-disk-"));
  const [image, place] = [path.join(folder, "image"), path.join(folder, "disk")];
  writeFileSync(image, "");
  truncateSync(image, diskBytes);
  mkdirSync(place);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  if (!made(image, place)) {
    remove();
    return undefined;
  }
  return {
    file: path.join(place, "livellm.db"),
    isSmall: false,
    fail: () => writeFileSync(`/sys/fs/ext4/${deviceOf(place)}/trigger_fs_error`, "1"),
    putBack() {
      execFileSync("umount", [place]);
      mount(image, place);
    },
    [Symbol.dispose]() {
      // Lazily: a gateway that has just been killed may still hold it.
      execFileSync("umount", ["-l", place]);
      remove();
    },
  };
}

function made(image: string, place: string): boolean {
  try {
    execFileSync("mkfs.ext4", ["-q", image], { stdio: "ignore" });
    mount(image, place);
    return true;
  } catch {
    return false; // not root, or not allowed here, or another system
  }
}

function mount(image: string, place: string): void {
  execFileSync("mount", ["-o", "loop,errors=remount-ro", image, place], { stdio: "ignore" });
}

/** Such as `loop0`. */
function deviceOf(place: string): string {
  return path.basename(execFileSync("findmnt", ["-no", "SOURCE", place]).toString().trim());
}
