import { afterAll, beforeAll, expect, test } from "vitest";
import { notInstalled } from "../providers/local/engine.ts";
import { type CodeBlock, codeBlocks, outputPattern } from "../support/code-blocks.ts";
import { curl, describeWith, python } from "../support/foreign-tools.ts";
import { type Gateway, localEngineFolder, startGateway } from "../support/gateway.ts";
import { makePythonStubs } from "../support/python-stubs.ts";
import { moved, placesOf, runShell, runTypeScript } from "../support/run-blocks.ts";

const document = "docs/voice.md";
const blocks = codeBlocks(document);
const isPython = ({ text }: CodeBlock) => text.includes(".venv/bin/python");
const ofShell = blocks.filter(({ language }) => language === "sh");

describeWith({ program: "the local engine", missing: notInstalled }, `${document}, in order,`, () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ env: { LIVELLM_LOCAL_ENGINE: localEngineFolder } });
  });
  afterAll(() => gateway.stop());

  async function expectOutput(block: CodeBlock, runBlock: (block: CodeBlock) => Promise<string>): Promise<void> {
    if (!block.output) throw new Error(`${block.place} does not say what it prints`);
    expect((await runBlock(block)).trim()).toMatch(outputPattern(block.output));
  }

  describeWith(curl, "with curl and buf curl", () => {
    const cases = ofShell.filter((block) => !isPython(block)).map((block) => [block.place, block] as const);
    test.each(cases)("%s prints what is printed", (_, block) =>
      expectOutput(block, (one) => runShell(one, placesOf(gateway.url))),
    );
    test("has blocks", () => expect(cases.length).toBeGreaterThan(5));
  });

  const programs = blocks.filter(({ language }) => language === "ts").map((block) => [block.place, block] as const);
  test.each(programs)("the TypeScript program of %s prints what is printed", (_, program) =>
    expectOutput(program, (one) => runTypeScript(one, placesOf(gateway.url))),
  );
  test("has programs", () => expect(programs).toHaveLength(2));

  describeWith(python, "the Python program", () => {
    test("prints what is printed", async () => {
      const [program, ...more] = ofShell.filter(isPython);
      if (!program || more.length > 0) throw new Error("there must be one program");
      const stubs = { "PYTHONPATH=.venv ": `PYTHONPATH=${await makePythonStubs()} ` };
      await expectOutput(program, (one) => runShell({ ...one, text: moved(one.text, stubs) }, placesOf(gateway.url)));
    });
  });
});
