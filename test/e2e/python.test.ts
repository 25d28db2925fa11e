import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { answerWith, startChatVendor } from "../support/chat-vendor.ts";
import { describeWith, python } from "../support/foreign-tools.ts";
import { projectRoot, startGateway } from "../support/gateway.ts";
import { createProvider } from "../support/json-call.ts";
import { run } from "../support/process.ts";
import { makePythonStubs } from "../support/python-stubs.ts";

interface SeenStream {
  readonly names: readonly string[];
  readonly text: string;
  readonly finished: object;
}

interface Seen {
  readonly unary: object;
  readonly echo: SeenStream;
  readonly vendor: SeenStream;
  readonly failure: { readonly code: string; readonly message: string; readonly details: object };
}

describeWith(python, "Python, with stubs from grpcio-tools,", () => {
  let seen: Seen;

  beforeAll(async () => {
    await using gateway = await startGateway();
    await using vendor = await startChatVendor(answerWith("Good ", "morning"));
    await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
    const client = path.join(projectRoot, "test/support/python_client.py");
    const env = { PATH: process.env.PATH, PYTHONPATH: await makePythonStubs(), PYTHONDONTWRITEBYTECODE: "1" };
    const { code, stdout, stderr } = await run(python.program, [client, new URL(gateway.url).host, "vendor"], { env });
    expect(code, stderr).toBe(0);
    seen = JSON.parse(stdout) as Seen;
  });

  test("calls a unary RPC", () => {
    expect(seen.unary).toMatchObject({ text: "Hello!", finishReason: "FINISH_REASON_STOP" });
  });

  test("streams the model echo", () => {
    expect(seen.echo).toMatchObject({ text: "Hello brave world", finished: { text: "Hello brave world" } });
    expect(seen.echo.names).toEqual([
      "started",
      "step_started",
      "part_started",
      "text_delta",
      "text_delta",
      "text_delta",
      "part_finished",
      "step_finished",
      "finished",
    ]);
  });

  test("streams a vendor of chat completions", () => {
    expect(seen.vendor).toMatchObject({ text: "Good morning", finished: { routeResult: { provider: "vendor" } } });
  });

  test("reads the detail of an error", () => {
    expect(seen.failure).toMatchObject({
      code: "INVALID_ARGUMENT",
      details: {
        reason: "REASON_INVALID_REQUEST",
        fieldViolations: [{ field: "route" }, { field: "messages" }],
      },
    });
  });
});
