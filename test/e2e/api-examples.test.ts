import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import { ImagesService } from "../../gen/livellm/v1/images_service_pb.ts";
import { ModelsService } from "../../gen/livellm/v1/models_service_pb.ts";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { RoutesService } from "../../gen/livellm/v1/routes_service_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { readEchoOptions } from "../../src/providers/local/echo-options.ts";
import { base64, png } from "../providers/images-driving.ts";
import { answerWith, type ChatVendor, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { type CodeBlock, codeBlocks, outputPattern } from "../support/code-blocks.ts";
import { curl, describeWith, python } from "../support/foreign-tools.ts";
import { type Gateway, projectRoot, startGateway } from "../support/gateway.ts";
import { makePythonStubs } from "../support/python-stubs.ts";
import { moved, placesOf, runShell, runTypeScript } from "../support/run-blocks.ts";

const document = "docs/api-examples.md";
const blocks = codeBlocks(document);
const shell = blocks.filter(({ language }) => language === "sh");
const isPython = ({ text }: CodeBlock) => text.includes(".venv/bin/python");

let gateway: Gateway;
let vendor: ChatVendor;

beforeAll(async () => {
  vendor = await startChatVendor(answerInEitherForm);
  gateway = await startGateway({ env: { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: vendor.baseUrl } });
});

afterAll(async () => {
  await gateway.stop();
  await vendor[Symbol.asyncDispose]();
});

/** OpenAI's own kind uses the Responses API, the others chat completions. */
function answerInEitherForm(call: VendorCall): void {
  if (call.path.includes("/images/")) answerWithImage(call);
  else if (call.path.endsWith("/responses")) answerAsResponse(call);
  else answerWith("Good ", "morning")(call);
}

function answerWithImage(call: VendorCall): void {
  const image = { b64_json: base64(png(1)), output_format: "png" };
  if (/"stream":true|name="stream"/.test(call.body)) {
    call.begin();
    call.send({ ...image, type: `image_${call.path.endsWith("/edits") ? "edit" : "generation"}.completed` });
    call.end();
  } else call.reply(200, { data: [image] });
}

function answerAsResponse(call: VendorCall): void {
  const content = [{ type: "output_text", text: "Good morning", annotations: [] }];
  const message = { type: "message", id: "msg_1", role: "assistant", status: "completed", content };
  call.reply(200, {
    id: "resp_1",
    object: "response",
    status: "completed",
    model: "gpt-5-mini",
    output: [message],
    usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
  });
}

async function expectOutput(block: CodeBlock, runBlock: (block: CodeBlock) => Promise<string>): Promise<void> {
  expect((await runBlock(block)).trim()).toMatch(outputPattern(block.output ?? ""));
}

const places = () => placesOf(gateway.url, vendor.baseUrl);

describeWith(curl, `${document}, in order,`, () => {
  const cases = shell.filter((block) => !isPython(block)).map((block) => [block.place, block] as const);
  test.each(cases)("%s prints what is printed", (_, block) => expectOutput(block, (one) => runShell(one, places())));
});

test("the TypeScript program prints what is printed", async () => {
  const programs = blocks.filter(({ language }) => language === "ts");
  expect(programs).toHaveLength(1);
  for (const program of programs) await expectOutput(program, (one) => runTypeScript(one, places()));
});

describeWith(python, "the Python program", () => {
  test("prints what is printed", async () => {
    const programs = shell.filter(isPython);
    expect(programs).toHaveLength(1);
    const stubs = { "PYTHONPATH=.venv ": `PYTHONPATH=${await makePythonStubs()} ` };
    for (const program of programs)
      await expectOutput(program, (one) => runShell({ ...one, text: moved(one.text, stubs) }, places()));
  });
});

describe("the document", () => {
  // What is spoken and heard has a document of its own.
  const all = [...blocks, ...codeBlocks("docs/voice.md")];
  const inShell = all.filter(({ language }) => language === "sh");
  const services = [
    AgentService,
    AudioService,
    ImagesService,
    ModelsService,
    ProvidersService,
    RoutesService,
    TranscriptionService,
  ];
  const served = services.flatMap(({ name, methods }) => methods.map((method) => `${name}/${method.name}`));

  test.each(served)("shows %s by buf curl or curl, TypeScript and Python", (name) => {
    const method = name.split("/")[1] ?? "";
    const local = `${method[0]?.toLowerCase()}${method.slice(1)}`;
    expect(inShell.some(({ text }) => text.includes(`/livellm.v1.${name}`))).toBe(true);
    expect(all.some(({ language, text }) => language === "ts" && text.includes(`.${local}(`))).toBe(true);
    expect(inShell.some((block) => isPython(block) && block.text.includes(`.${method}(`))).toBe(true);
  });

  test("says of every call what it prints", () => {
    expect(shell.filter(({ output }) => !output).map(({ place }) => place)).toEqual([]);
    expect(shell.length).toBeGreaterThan(20);
  });

  test("has every option of echo", () => {
    const refusal = refusalOf({ no_such_option: 1 });
    const options = /it has (.*)$/.exec(refusal)?.[1]?.split(", ") ?? [];
    expect(options.length).toBeGreaterThan(5);
    const markdown = readFileSync(path.join(projectRoot, document), "utf8");
    const table = [...markdown.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, option]) => option);
    expect(table.toSorted()).toEqual(options.toSorted());
  });
});

function refusalOf(options: Record<string, number>): string {
  try {
    readEchoOptions(options);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error("echo took an option that it does not have");
}
