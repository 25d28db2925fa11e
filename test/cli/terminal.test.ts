import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerWith, type ChatVendor, chunk, startChatVendor } from "../support/chat-vendor.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createProvider } from "../support/json-call.ts";
import { livellmProgram } from "../support/livellm.ts";
import { collected } from "../support/process.ts";
import { pseudoTerminal, startOnTerminal } from "../support/pseudo-terminal.ts";

describeWith(pseudoTerminal, "on a terminal, livellm", () => {
  let gateway: Gateway;
  let vendor: ChatVendor;
  beforeAll(async () => {
    gateway = await startGateway();
    vendor = await startChatVendor();
    await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
  });
  afterAll(async () => {
    await vendor[Symbol.asyncDispose]();
    await gateway.stop();
  });

  const begin = (...args: string[]) =>
    startOnTerminal([process.execPath, livellmProgram, ...args], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: "xterm", LIVELLM_URL: gateway.url },
    });

  async function shown(child: ChildProcessWithoutNullStreams, screen: () => string, text: string): Promise<void> {
    while (!screen().includes(text)) await once(child.stdout, "data");
  }

  test("chat without a prompt is a conversation; ctrl-C gives up an answer, and between answers ends it", async () => {
    const child = begin("chat", "-p", "vendor", "-m", "m-1");
    const screen = collected(child.stdout);
    await shown(child, screen, "> ");
    child.stdin.write("first\r");
    const given = await vendor.nextCall();
    given.begin();
    given.send(chunk({ content: "half an answer" }));
    await shown(child, screen, "half an answer");
    child.stdin.write("\u0003");
    await given.closed;
    await shown(child, screen, "this turn is left out");
    expect(screen()).toContain("cancelled: the answer is not complete");
    child.stdin.write("second\r");
    const next = await vendor.nextCall();
    answerWith("whole")(next);
    expect(JSON.parse(next.body)).toMatchObject({ messages: [{ role: "user", content: "second" }] });
    await shown(child, screen, "whole");
    child.stdin.write("\u0003");
    expect(await once(child, "close")).toEqual([0, null]);
  });

  test("shows no escape sequence of a model", async () => {
    const child = begin("chat", "-p", "vendor", "-m", "m-1", "hi");
    const screen = collected(child.stdout);
    answerWith("before\u001b]0;title\u0007\u009b2Jafter\n\tend")(await vendor.nextCall());
    expect(await once(child, "close")).toEqual([0, null]);
    expect(screen()).toBe("before\ufffd]0;title\ufffd\ufffd2Jafter\r\n\tend\r\n");
  });

  test("speak does not write audio to it", async () => {
    const child = begin("speak", "-m", "flite", "hi");
    const screen = collected(child.stdout);
    expect(await once(child, "close")).toEqual([2, null]);
    expect(screen()).toContain("the audio would go to this terminal");
  });
});
