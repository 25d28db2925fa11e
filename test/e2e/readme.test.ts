import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { notInstalled } from "../providers/local/engine.ts";
import { type Browser, bundle, startBrowser } from "../support/browser.ts";
import { type CodeBlock, codeBlocks, outputPattern, shellCalls } from "../support/code-blocks.ts";
import { chromium, curl, describeWith, python } from "../support/foreign-tools.ts";
import { type Gateway, localEngineFolder, startGateway } from "../support/gateway.ts";
import { moved, placesOf, runShell } from "../support/run-blocks.ts";

const localEngine = { program: curl.program, missing: curl.missing ?? notInstalled };

let gateway: Gateway;
let browser: Browser | undefined;

beforeAll(async () => {
  if (chromium.missing === undefined) browser = await startBrowser();
  gateway = await startGateway({
    env: { LIVELLM_CORS_ORIGINS: browser?.origin ?? "", LIVELLM_LOCAL_ENGINE: localEngineFolder },
  });
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await gateway.stop();
});

const calls = shellCalls("README.md");
const callOf = (word: string) => calls.filter(({ text }) => text.includes(word));

async function expectOutput(block: CodeBlock | undefined): Promise<void> {
  if (!block?.output) throw new Error("the block, or what it prints, is not there");
  expect((await runShell(block, placesOf(gateway.url))).trim()).toMatch(outputPattern(block.output));
}

/** The calls of the model echo come first. */
test("the README calls with buf curl, curl, Python and a browser, buf curl first", () => {
  expect(calls.map(({ text }) => text.split(" ", 2).join(" "))).toEqual([
    "npx buf",
    "curl -sN",
    "PYTHONPATH=.venv .venv/bin/python",
    "curl -s",
    "curl -s",
  ]);
  expect(calls[0]?.text.trim()).toBe(
    `npx buf curl --protocol grpc --http2-prior-knowledge -d '{"route":{"targets":[{"provider":"local","model":"echo"}]},"messages":[{"text":"Hello!"}]}' http://localhost:8000/livellm.v1.AgentService/RunStream`,
  );
});

test("the README's two commands are the ones that package.json has", () => {
  const commands = codeBlocks("README.md").filter(({ language }) => language === "sh");
  expect(commands.slice(0, 2).map(({ text }) => text.trim())).toEqual(["npm ci && npm start", "npm ci && npm test"]);
});

test("buf curl, as printed", () => expectOutput(callOf("npx buf")[0]));

describeWith(curl, "curl, as printed,", () => {
  test("prints what is printed", () => expectOutput(callOf("curl -sN")[0]));
});

describeWith(localEngine, "speech, as printed,", () => {
  test("is written to a file, and written down", async () => {
    const [speak, transcribe] = callOf("AudioService/");
    if (!speak) throw new Error("nothing is spoken");
    await runShell(speak, placesOf(gateway.url));
    await expectOutput(transcribe);
  });
});

describeWith(python, "Python, as printed,", () => {
  test("prints what is printed", async () => {
    await makeStubs();
    await expectOutput(callOf(".venv/bin/python -")[0]);
  });

  /** The block that makes the stubs, less its first line, which `.ci/run` has done. */
  async function makeStubs(): Promise<void> {
    const block = codeBlocks("README.md").find(({ text }) => text.includes("grpc_tools.protoc"));
    const [install = "", ...rest] = block?.text.split("\n") ?? [];
    expect(install).toContain(".venv/bin/pip install grpcio grpcio-tools");
    if (block) await runShell({ ...block, text: rest.join("\n") }, {});
  }
});

describeWith(chromium, "the browser, as printed,", () => {
  test("prints what is printed", async () => {
    const block = codeBlocks("README.md").find(({ language }) => language === "ts");
    if (!block?.output || !browser) throw new Error("there is no block for the browser");
    const lines = block.output.trimEnd().split("\n");
    const page = await browser.open("");
    const printed: string[] = [];
    const all = new Promise<void>((resolve, reject) => {
      page.on("pageerror", reject);
      page.on("console", (message) => printed.push(message.text()) === lines.length && resolve());
    });
    const script = await bundle(moved(block.text, placesOf(gateway.url)), ".");
    await page.addScriptTag({ type: "module", content: script });
    await all;
    expect(printed).toEqual(lines);
  });
});

describe("the pattern of an output", () => {
  test("matches what stands between, and nothing else", () => {
    expect('{"a":1,"b":2}').toMatch(outputPattern('{"a":…}'));
    expect('{"a":1}\nmore').not.toMatch(outputPattern('{"a":1}'));
    expect("{}").not.toMatch(outputPattern('{"a":…}'));
  });
});
