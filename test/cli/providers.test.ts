import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { livellm } from "../support/livellm.ts";

let gateway: Gateway;
let vendor: ChatVendor;

beforeAll(async () => {
  gateway = await startGateway();
  vendor = await startChatVendor(undefined, ["m-1", "m-2"]);
});

afterAll(async () => {
  await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

const key = "sk-0123456789abcdef";
const run = (...args: string[]) => livellm(args, { env: { LIVELLM_URL: gateway.url, THE_KEY: key } });
const create = (id: string, ...more: string[]) =>
  run("providers", "create", id, "--kind", "openai-compatible", "--base-url", vendor.baseUrl, ...more);

describe("livellm providers", () => {
  test("adds one with a key of the environment, lists it without the key, and removes it", async () => {
    expect(await create("mine", "--api-key-env", "THE_KEY", "--default-model", "m-1")).toEqual({
      code: 0,
      stdout: "",
      stderr: "added mine\n",
    });
    const { stdout } = await run("providers");
    expect(stdout).toMatch(/^ID +KIND +API KEY +DEFAULT MODEL +ADDRESS$/m);
    expect(stdout).toMatch(/^mine +openai-compatible +sk-…cdef +m-1 +http:/m);
    expect(stdout).toMatch(/^local +local +echo +read-only$/m);
    expect((await run("models", "--provider", "mine")).stdout).toMatch(/^mine +m-1\nmine +m-2$/m);
    expect((await run("providers", "delete", "mine")).stderr).toBe("removed mine\n");
    expect(
      (await run("providers", "--json")).stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toEqual(["local"]);
  });

  test("takes a key from a file, or the standard input, and tries it out without keeping it", async () => {
    const file = path.join(gateway.folder, "key");
    writeFileSync(file, `${key}\n`);
    expect((await create("filed", "--api-key-file", file, "--check")).stderr).toBe(
      "filed answers; it has not been kept\n",
    );
    const options = { env: { LIVELLM_URL: gateway.url }, input: `${key}\n` };
    const args = ["providers", "create", "piped", "--kind", "openai", "--api-key-file", "-"];
    expect((await livellm(args, options)).stderr).toBe("added piped\n");
    const { stdout } = await run("providers", "list");
    expect(stdout).toContain("sk-…cdef");
    expect(stdout).not.toContain("filed");
    await run("providers", "delete", "piped");
  });

  test("says what is wrong with one, and that there is none to remove", async () => {
    const wrong = await run("providers", "create", "x", "--kind", "openia", "--api-key-env", "THE_KEY");
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/^livellm: invalid argument: /);
    expect(wrong.stderr).toContain('there is no kind "openia"');
    const missing = await run("providers", "delete", "nobody");
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('there is no provider "nobody"')]);
    expect((await run("providers", "create", "x", "--kind", "openai", "--api-key-env", "NOT_SET")).code).toBe(2);
  });

  test("says where a key is named that is missing", async () => {
    const { code, stderr } = await run("providers", "create", "keyless", "--kind", "openai");
    expect([code, stderr]).toEqual([1, expect.stringContaining("--api-key-env names the variable")]);
  });

  test("asks them how they are, and ends with 1 when one is not well", async () => {
    const well = await run("providers", "check", "local", "--probe");
    expect([well.code, well.stdout]).toEqual([0, expect.stringMatching(/^local +healthy +\d+ ms$/m)]);
    await run("providers", "create", "away", "--kind", "openai-compatible", "--base-url", "http://127.0.0.1:9/v1");
    const away = await run("providers", "check", "--probe");
    expect([away.code, away.stderr]).toEqual([1, "livellm: not well: away\n"]);
    const models = await run("models");
    expect([models.code, models.stdout]).toEqual([4, expect.stringMatching(/^local +echo/m)]);
    expect(models.stderr).toMatch(/^away could not be listed: /m);
    await run("providers", "delete", "away");
  });

  test("lists the kinds there are", async () => {
    expect((await run("providers", "kinds")).stdout).toMatch(/^groq +Groq +API key +https:/m);
  });
});

test("livellm models --capability names what there is", async () => {
  expect((await run("models", "--capability", "speak")).stdout).toMatch(/^local +flite +speak, speak duplex$/m);
  const wrong = await run("models", "--capability", "sing");
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining('no capability "sing"; there are: agent, speak'),
  ]);
});
