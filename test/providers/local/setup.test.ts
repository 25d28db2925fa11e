import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { enginePackages } from "../../../scripts/local-engine-packages.ts";
import { readTarball } from "../../../scripts/read-tarball.ts";
import { noise } from "../../audio/measure.ts";

const script = path.join(import.meta.dirname, "../../../scripts/local-engine.ts");

/** A folder of its own, gone with `using`. */
function temporaryFolder() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-setup-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A package of these files, packed by tar. */
function pack(folder: string, files: Readonly<Record<string, Uint8Array>>): string {
  for (const [name, bytes] of Object.entries(files)) {
    const file = path.join(folder, "package", name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  const tarball = path.join(folder, "one.tgz");
  const { status } = spawnSync("tar", ["--format=ustar", "-czf", tarball, "-C", folder, "package"]);
  expect(status).toBe(0);
  return tarball;
}

const long = `${"deep/".repeat(25)}file with spaces.bin`;
const files = {
  "package.json": new Uint8Array(Buffer.from("{}")),
  "empty.txt": new Uint8Array(0),
  "exactly-a-block.bin": new Uint8Array(512).fill(7),
  [long]: new Uint8Array(noise(700_001).buffer),
};

describe("reading a tarball", () => {
  test("gives the files that are wanted, whole", async () => {
    using at = temporaryFolder();
    const tarball = pack(at.folder, files);
    const read = await Array.fromAsync(readTarball(tarball, () => true));
    expect(Object.fromEntries(read.map((file) => [file.path, new Uint8Array(file.bytes)]))).toEqual(files);
    const some = await Array.fromAsync(readTarball(tarball, (name) => name === long));
    expect(some.map((file) => file.path)).toEqual([long]);
  });

  test("fails on one that is cut short, or none", async () => {
    using at = temporaryFolder();
    const tarball = pack(at.folder, files);
    const bytes = readFileSync(tarball);
    for (const broken of [bytes.subarray(0, bytes.length / 2), Buffer.from("not a tarball")]) {
      writeFileSync(tarball, broken);
      await expect(Array.fromAsync(readTarball(tarball, () => true))).rejects.toThrow();
    }
  });
});

describe("npm run setup:local", () => {
  /** Runs it with an npm that packs a tarball of ours. */
  async function setUp(folder: string): Promise<{ readonly code: number; readonly output: string }> {
    const npm = path.join(folder, "npm");
    const tarball = pack(folder, files);
    const target = `"$5/x-1.tgz"`;
    writeFileSync(npm, `#!/bin/sh\ncp ${tarball} ${target}\necho '[{"filename": "x-1.tgz"}]'\n`);
    chmodSync(npm, 0o755);
    const env = {
      ...process.env,
      PATH: `${folder}:${process.env.PATH}`,
      LIVELLM_LOCAL_ENGINE: path.join(folder, "engine"),
    };
    const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
    const [code] = await once(child, "close");
    return { code, output };
  }

  test("takes no package that differs from the one that was pinned, and leaves nothing that counts", async () => {
    using at = temporaryFolder();
    const { code, output } = await setUp(at.folder);
    expect(code).toBe(1);
    expect(output).toContain("1/5 onnxruntime-common 1.30.0, MIT");
    expect(output).toContain("onnxruntime-common 1.30.0 is not what it was: its SHA-512 differs");
    expect(readdirSync(path.join(at.folder, "engine"))).toEqual([".gitignore"]);
    expect(existsSync(path.join(at.folder, "engine/installed.json"))).toBe(false);
  });

  test("keeps of the packages what this platform needs", () => {
    const kept = enginePackages.flatMap(({ place }) =>
      [
        "package.json",
        "LICENSE",
        `bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`,
        "bin/napi-v6/other/x64/onnxruntime.dll",
        "dist/model/base/quantized/encoder_model.onnx",
        "dist/model/tiny/quantized/decoder_model_merged.onnx",
        "dist/silero_vad_v5.onnx",
        "dist/silero_vad_v6.onnx",
      ].flatMap((name) => place(name) ?? []),
    );
    expect(kept).toEqual([
      "node_modules/onnxruntime-common/package.json",
      "node_modules/onnxruntime-node/package.json",
      `node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`,
      "models/moonshine-base/encoder.onnx",
      "models/moonshine-tiny/decoder.onnx",
      "node_modules/llama-tokenizer-js/package.json",
      "models/silero-vad.onnx",
    ]);
  });
});
