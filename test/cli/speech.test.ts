import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readWav } from "../../src/audio/wav.ts";
import { type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { type Gateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { changeProvider, createProvider } from "../support/json-call.ts";
import { livellm, startLivellm } from "../support/livellm.ts";
import { collected, type RunOptions } from "../support/process.ts";
import { startVendor, type VendorServer } from "../support/vendor-server.ts";

let gateway: Gateway;
let speaker: VendorServer;
let writer: ChatVendor;
let folder: string;
let options: RunOptions;

beforeAll(async () => {
  gateway = await startGateway();
  speaker = await startVendor();
  writer = await startChatVendor();
  folder = temporaryFolder();
  options = { cwd: folder, env: { LIVELLM_URL: gateway.url } };
  await createProvider(gateway.url, { id: "speaker", kind: "openai-compatible", baseUrl: `${speaker.url}/v1` });
  await createProvider(gateway.url, { id: "writer", kind: "openai-compatible", baseUrl: writer.baseUrl });
});

/** A provider that has changed begins anew: what one test broke is not to keep the calls of the next away. */
beforeEach(async () => {
  for (const id of ["speaker", "writer"]) await changeProvider(gateway.url, id);
});

afterAll(async () => {
  await speaker[Symbol.asyncDispose]();
  await writer[Symbol.asyncDispose]();
  await gateway.stop();
  rmSync(folder, { recursive: true, force: true });
});

const mp3 = { "content-type": "audio/mpeg" };
const frames = [Buffer.from([0xff, 0xfb, 0x90, 0x00, ...Array(96).fill(1)]), Buffer.alloc(100, 2)];

describe("livellm speak", () => {
  test("writes a WAV file with its real length, and says how long it is on the standard error", async () => {
    const { code, stdout, stderr } = await livellm(["speak", "-m", "flite", "-o", "hello.wav", "Hello."], options);
    expect([code, stdout]).toEqual([0, ""]);
    const bytes = readFileSync(path.join(folder, "hello.wav"));
    expect(bytes.readUInt32LE(4)).toBe(bytes.length - 8);
    expect(bytes.readUInt32LE(40)).toBe(bytes.length - 44);
    const { durationMs } = readWav(bytes);
    expect(durationMs).toBeGreaterThan(300);
    expect(stderr).toContain(`, ${(durationMs / 1000).toFixed(1)} s\n`);
  });

  test("writes to a pipe as it comes, a text from the standard input", async () => {
    speaker.answerWith({ headers: mp3, body: frames });
    const child = startLivellm(["speak", "-p", "speaker", "-m", "tts", "-v", "v", "--format", "mp3"], options);
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stdin.end("Hello.");
    expect(await once(child, "close")).toEqual([0, null]);
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat(frames));
  });

  test("leaves no file of audio that broke off, and the one that was there", async () => {
    writeFileSync(path.join(folder, "old.mp3"), "before");
    speaker.answerWith({ headers: mp3, body: frames, ending: "reset" });
    const args = ["speak", "-p", "speaker", "-m", "tts", "-v", "v", "-o", "old.mp3", "Hello."];
    const { code, stderr } = await livellm(args, options);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^livellm: unavailable: /)]);
    expect(readFileSync(path.join(folder, "old.mp3"), "utf8")).toBe("before");
    expect(readdirSync(folder).filter((name) => name.includes(".part"))).toEqual([]);
  });

  test("ends with 4 when what it has written to a pipe is not all", async () => {
    const heard = Promise.withResolvers<void>();
    async function* body() {
      yield frames[0] ?? "";
      await heard.promise;
    }
    speaker.answerWith({ headers: mp3, body: body(), ending: "reset" });
    const child = startLivellm(
      ["speak", "-p", "speaker", "-m", "tts", "-v", "v", "--format", "mp3", "Hello."],
      options,
    );
    const stderr = collected(child.stderr);
    await once(child.stdout, "data");
    heard.resolve();
    expect(await once(child, "close")).toEqual([4, null]);
    expect(stderr()).toContain("the audio is not complete");
  });

  test.each([
    [["speak", "-m", "flite", "-o", "a.xyz", "hi"], 'there is no format "xyz"'],
    [["speak", "-m", "flite", "-o", "a.wav"], "there is nothing to say"],
    [["speak", "-m", "flite", "--speed", "fast", "-o", "a.wav", "hi"], "--speed takes a number"],
    [["speak", "-m", "flite", "-o", "no/such/folder.wav", "hi"], "cannot be written"],
    [["transcribe", "-m", "x"], "name the recordings, or say --live"],
    [["transcribe", "-m", "x", "--live", "a.wav"], "--live takes samples from the standard input"],
  ])("%j ends with 2", async (args, said) => {
    const { code, stderr } = await livellm(args, options);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
    expect(existsSync(path.join(folder, "a.wav"))).toBe(false);
  });
});

describe("livellm transcribe", () => {
  const recording = (name: string) => {
    writeFileSync(path.join(folder, name), frames[0] ?? "");
    return name;
  };
  const args = (...more: string[]) => ["transcribe", "-p", "writer", "-m", "asr", ...more];

  test("writes the text of a recording, and how it went to the standard error", async () => {
    const running = livellm(args(recording("one.mp3")), options);
    (await writer.nextCall()).reply(200, { text: "What was said." });
    const { code, stdout, stderr } = await running;
    expect([code, stdout]).toEqual([0, "What was said.\n"]);
    expect(stderr).toMatch(/^one\.mp3: 100 bytes.*, in \d+\.\d s\n$/);
  });

  test("goes on after one that fails, says which, and does not end as if nothing had", async () => {
    const running = livellm(args("missing.mp3", recording("one.mp3"), recording("two.mp3")), options);
    (await writer.nextCall()).reply(400, { error: { message: "too short" } });
    (await writer.nextCall()).reply(200, { text: "Two." });
    const { code, stdout, stderr } = await running;
    expect([code, stdout]).toEqual([1, "two.mp3: Two.\n"]);
    expect(stderr).toMatch(/^missing\.mp3: ENOENT/m);
    expect(stderr).toMatch(/^one\.mp3: invalid argument: .*too short/m);
    expect(stderr).toContain("livellm: 2 of 3 recordings failed");
  });

  test("ctrl-C gives up the call, and the recordings behind it", async () => {
    const child = startLivellm(args(recording("one.mp3"), recording("two.mp3")), options);
    const stderr = collected(child.stderr);
    const call = await writer.nextCall();
    child.kill("SIGINT");
    await call.closed;
    expect(await once(child, "close")).toEqual([130, null]);
    expect(stderr()).toBe("livellm: cancelled\n");
  });

  test("--live says what the gateway says when it cannot listen", async () => {
    const { code, stdout, stderr } = await livellm(["transcribe", "--live", "-m", "echo", "-p", "local"], {
      ...options,
      input: "\0\0".repeat(1600),
    });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^livellm: [a-z ]+: .*echo/);
  });
});
