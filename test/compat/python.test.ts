import { existsSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { answerWith, startChatVendor } from "../support/chat-vendor.ts";
import { describeWith, type ForeignTool } from "../support/foreign-tools.ts";
import { projectRoot } from "../support/gateway.ts";
import { run } from "../support/process.ts";
import { startCompatGateway } from "./compat-gateway.ts";

/** What python_client.py prints. */
interface Seen {
  readonly version: string;
  readonly http: {
    readonly ping: object;
    readonly configs: readonly string[];
    readonly run: object;
    readonly vendor: string;
    readonly stream: readonly string[];
    readonly fallback: string;
    readonly fallback_stream: readonly string[];
    readonly unknown: string | null;
  };
  readonly audio: {
    readonly riff: string;
    readonly pcm_seconds: number;
    readonly transcript: { readonly text: string };
  };
  readonly sessions: {
    readonly order: readonly string[];
    readonly answers: readonly (readonly string[])[];
    readonly run: string;
    readonly ulaw_bytes: number;
    readonly stream_seconds: number;
    readonly error: string | null;
    readonly after_error: string;
  };
  readonly transcription: string;
}

const client = path.join(projectRoot, "test/compat/python_client.py");

function livellm(version: string): ForeignTool {
  const program = path.join(projectRoot, `.venv-livellm-${version}/bin/python`);
  const made = existsSync(program) && existsSync(path.join(projectRoot, ".local-engine/installed.json"));
  return { program, missing: made ? undefined : "run test/compat/make-venvs.sh and npm run setup:local" };
}

describe.each(["1.3.6", "1.7.5", "1.8.0"])("livellm %s from PyPI", (version) => {
  const tool = livellm(version);

  describeWith(tool, "drives the gateway:", () => {
    let seen: Seen;

    beforeAll(async () => {
      await using gateway = await startCompatGateway();
      await using vendor = await startChatVendor(answerWith("Good ", "morning"));
      const args = [client, gateway.url, vendor.baseUrl];
      const { code, stdout, stderr } = await run(tool.program, args, { timeoutMs: 110_000 });
      expect(code, stderr).toBe(0);
      seen = JSON.parse(stdout) as Seen;
    }, 120_000);

    test("it is the version it should be", () => expect(seen.version).toBe(version));

    test("provider configs", () => {
      expect(seen.http.ping).toEqual({ success: true, message: "ok" });
      expect(seen.http.configs).toEqual(["python"]);
      expect(seen.http.vendor).toBe("Good morning");
      expect(seen.http.unknown).toContain(
        "Provider config with uid 'nobody' not found. Please register the config first",
      );
    });

    test("agent runs", () => {
      expect(seen.http.run).toMatchObject({
        output: "Hello brave new world",
        usage: { input_tokens: 4, output_tokens: 4 },
      });
    });

    test("the stream is cumulative, ends with an empty line, and survives separators that Python splits at", () => {
      const whole = "one two \u2028 \u0085three";
      expect(seen.http.stream.slice(0, 2)).toEqual(["one", "one two"]);
      expect(seen.http.stream.slice(-2)).toEqual([whole, ""]);
    });

    test("fallback, streaming too, without a word of the first target", () => {
      expect(seen.http.fallback).toBe("rescued");
      expect(seen.http.fallback_stream).toEqual(["rescued", ""]);
    });

    test("speech and transcription", () => {
      expect(seen.audio.riff).toBe("RIFF");
      expect(seen.audio.pcm_seconds).toBeGreaterThan(1);
      expect(seen.audio.transcript.text).toMatch(/hello there/i);
    });

    test("the multiplexed WebSocket", () => {
      const { sessions } = seen;
      expect(sessions.answers[0]?.slice(-2)).toEqual(["a b c d e f g h i j", ""]);
      expect(sessions.answers.slice(1).every((outputs) => outputs.at(-2)?.startsWith("quick"))).toBe(true);
      expect(sessions.run).toBe("over the socket");
      expect(sessions.ulaw_bytes).toBeGreaterThan(8_000);
      expect(sessions.stream_seconds).toBeGreaterThan(1);
      expect(sessions.error).toContain("Provider config with uid 'nobody' not found");
      expect(sessions.after_error).toBe("still here");
    });

    test.skipIf(version === "1.3.6")("a slow session holds up no other", () => {
      expect(seen.sessions.answers).toHaveLength(21);
      expect(seen.sessions.order.at(-1)).toBe("slow");
    });

    test("live transcription of paced PCM", () => expect(seen.transcription).toMatch(/hello there/i));
  });
});
